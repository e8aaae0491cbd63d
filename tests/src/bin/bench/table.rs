//! Tables in Markdown that are also read well as they are.

/// Rows of cells; the first is the header. The first column is text, the others are figures.
pub(crate) fn markdown(rows: &[Vec<String>]) -> String {
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let width = |column: usize| {
        let cells = rows.iter().filter_map(|row| row.get(column));
        cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..columns).map(width).collect();
    let mut text = String::new();
    for (i, row) in rows.iter().enumerate() {
        text += &line(row, &widths);
        if i == 0 {
            let rule = widths
                .iter()
                .enumerate()
                .map(|(column, width)| match column {
                    0 => "-".repeat(*width),
                    _ => format!("{}:", "-".repeat(width.saturating_sub(1))),
                });
            text += &line(&rule.collect::<Vec<_>>(), &widths);
        }
    }
    text
}

fn line(row: &[String], widths: &[usize]) -> String {
    let cells = row.iter().zip(widths).enumerate();
    let cells = cells.map(|(column, (cell, width))| match column {
        0 => format!("{cell:<width$}"),
        _ => format!("{cell:>width$}"),
    });
    format!("| {} |\n", cells.collect::<Vec<_>>().join(" | "))
}

/// A figure with so many decimals, thousands apart; a dash where there is none.
pub(crate) fn figure(value: Option<f64>, decimals: usize) -> String {
    let Some(value) = value.filter(|value| value.is_finite()) else {
        return "–".to_owned();
    };
    let text = format!("{value:.decimals$}");
    let (whole, rest) = text.split_at(text.find('.').unwrap_or(text.len()));
    let mut grouped = String::new();
    for (i, char) in whole.chars().enumerate() {
        let left = whole.len() - i;
        if i > 0 && left.is_multiple_of(3) && !grouped.ends_with('-') {
            grouped.push(',');
        }
        grouped.push(char);
    }
    grouped + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_aligned() {
        let rows = [["", "words/s"], ["fast", "9"]].map(|row| row.map(str::to_owned).to_vec());

        let table = markdown(&rows);

        assert_eq!(
            table,
            "|      | words/s |\n| ---- | ------: |\n| fast |       9 |\n"
        );
    }

    #[test]
    fn thousands_stand_apart() {
        let cells = [(Some(1234567.0), 0), (Some(-123.45), 1), (None, 0)];

        let cells = cells.map(|(value, decimals)| figure(value, decimals));

        assert_eq!(cells, ["1,234,567", "-123.5", "–"]);
    }
}

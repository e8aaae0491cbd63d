//! Entities of several sources to one list without overlaps.

use crate::Entity;

/// Adds entities of a more general source to those of a more special one, which win where they
/// overlap. Both lists are in order and free of overlaps; so is the result.
///
/// One exception: a domain name that is the whole of a name (`Booking.com` the company) is the name.
pub(crate) fn merge(special: Vec<Entity>, general: Vec<Entity>) -> Vec<Entity> {
    let is_name = |entity: &Entity| {
        &*entity.label == "DOMAIN"
            && first_overlap(&general, entity).is_some_and(|name| name.range == entity.range)
    };
    let mut merged: Vec<Entity> = special
        .into_iter()
        .filter(|entity| !is_name(entity))
        .collect();
    let free = |entity: &Entity| first_overlap(&merged, entity).is_none();
    let added: Vec<Entity> = general.into_iter().filter(free).collect();
    merged.extend(added);
    merged.sort_by_key(|entity| entity.range.start);
    merged
}

/// Finds the first of some ordered entities that overlaps another one.
fn first_overlap<'e>(ordered: &'e [Entity], entity: &Entity) -> Option<&'e Entity> {
    let at = ordered.partition_point(|taken| taken.range.end <= entity.range.start);
    ordered.get(at).filter(|taken| taken.overlaps(entity))
}

#[cfg(test)]
mod tests {
    use std::ops::Range;

    use super::*;
    use crate::Origin;

    fn entity(label: &str, range: Range<usize>) -> Entity {
        Entity {
            range,
            label: label.into(),
            score: 1.0,
            origin: Origin::Model,
            id: String::new(),
        }
    }

    #[test]
    fn special_wins_and_order_is_kept() {
        let special = vec![entity("MALWARE", 5..9), entity("CVE", 20..30)];
        let general = vec![
            entity("ORG", 0..4),
            entity("PRODUCT", 8..12),
            entity("LOC", 12..15),
        ];

        let merged = merge(special, general);

        let labels: Vec<_> = merged.iter().map(|entity| &*entity.label).collect();
        assert_eq!(labels, ["ORG", "MALWARE", "LOC", "CVE"]);
    }

    #[test]
    fn company_named_like_a_domain_is_a_company() {
        let merged = merge(vec![entity("DOMAIN", 0..11)], vec![entity("ORG", 0..11)]);

        assert_eq!(merged, [entity("ORG", 0..11)]);
    }
}

//! The systems that Copydesk is compared with, as their users run them: `tests/peers`, installed by
//! its `fetch.sh` into `.cache/peers`.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, ensure};

use crate::filter::{Filter, Ready};
use crate::machine::cores;
use crate::post::{Lane, Post};

const SCRIPTS: &str = "tests/peers";
const INSTALLED: &str = ".cache/peers";
/// Articles after which a JVM has compiled what it runs.
const JVM_WARM_UP: usize = 300;

/// The numbers that the Python worker calculates with, as torch and as we call them.
pub(crate) const PYTHON: [(&str, &str); 2] = [("float32", "fp32"), ("bfloat16", "bf16")];

/// spaCy's smallest English model, nothing but its entity recogniser, a process for each core.
pub(crate) fn spacy() -> Filter {
    let processes = cores().to_string();
    let args = [script("spacy_filter.py"), "--processes".into(), processes];
    Filter {
        name: "spaCy en_core_web_sm, NER only".to_owned(),
        program: python("spacy"),
        args: args.to_vec(),
        ready: Ready::Says,
    }
}

/// Stanford's CRF of three classes, a thread for each core.
pub(crate) fn corenlp() -> Filter {
    let classes = format!("{INSTALLED}/corenlp/classes:{INSTALLED}/corenlp/libs/*");
    let args = ["-Xmx2g", "-cp", &classes, "CoreNlp", &cores().to_string()];
    Filter {
        name: "CoreNLP, CRF of 3 classes".to_owned(),
        program: "java".into(),
        args: args.map(str::to_owned).to_vec(),
        ready: Ready::Answers(JVM_WARM_UP),
    }
}

/// transformers pipelines with our weights: entities and topics.
pub(crate) fn transformers((dtype, numbers): (&str, &str), model: &Path) -> Filter {
    let args = [script("bert_filter.py"), model.display().to_string()];
    let dtype = ["--dtype".to_owned(), dtype.to_owned()];
    Filter {
        name: format!("transformers pipelines, {numbers}"),
        program: python("transformers"),
        args: [args, dtype].concat(),
        ready: Ready::Says,
    }
}

/// The same with a consumer before and a producer behind.
pub(crate) fn worker((dtype, _): (&str, &str), model: &Path, lane: &Lane) -> Post {
    let model = model.display().to_string();
    let flags = [
        ("--brokers", lane.bootstrap),
        ("--group", &lane.raw.name),
        ("--input", &lane.raw.name),
        ("--output", &lane.enriched.name),
        ("--dtype", dtype),
    ];
    let flags = flags.iter().flat_map(|(flag, value)| [*flag, *value]);
    let args = [script("bert_worker.py"), model].into_iter();
    Post {
        program: python("transformers"),
        args: args.chain(flags.map(str::to_owned)).collect(),
        admin: None,
    }
}

/// Has torch multiply matrices; what `gemm.py` prints.
pub(crate) fn gemm(shapes: &[String]) -> anyhow::Result<String> {
    let output = Command::new(python("transformers"))
        .arg(script("gemm.py"))
        .args(["--threads", &cores().to_string()])
        .args(shapes)
        .output()
        .context("cannot start gemm.py")?;
    let errors = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "gemm.py failed: {errors}");
    String::from_utf8(output.stdout).context("gemm.py prints text")
}

fn script(name: &str) -> String {
    format!("{SCRIPTS}/{name}")
}

fn python(venv: &str) -> PathBuf {
    Path::new(INSTALLED).join(venv).join("bin/python")
}

//! OpenVINO on CPUs, in int8.
//!
//! Each core is a stream of its own that works through one batch at a time: that is faster than all
//! cores on one batch, since no core waits for another between two operations.

use std::num::NonZero;
use std::path::{Path, PathBuf};

use ndarray::{Array2, ArrayView3};
use openvino::{Core, DeviceType, ElementType, InferRequest, RwPropertyKey, Shape, Tensor};

use super::Engine;
use crate::{Device, Error, ModelFolder, Precision, Settings, TokenBatch};

/// The library that is loaded, by the name of the release that `deploy/openvino.sh` fetches.
const LIBRARY: &str = "libopenvino_c.so.2641";
/// Where that release lies in the source tree.
const FETCHED: &str = "../../.cache/native/openvino";

/// Longest time of one batch, in milliseconds; after it the request says that it is busy.
const LIMIT_MS: i64 = 600_000;

/// The model in OpenVINO.
pub(crate) struct OpenVino {
    slots: Vec<Slot>,
    streams: usize,
}

/// A request and, once it has ended, its vectors.
struct Slot {
    request: InferRequest,
    is_running: bool,
    shape: (usize, usize),
    vectors: Option<Tensor>,
}

impl OpenVino {
    /// Loads the model's int8 form.
    pub(crate) fn load(folder: &ModelFolder, settings: &Settings) -> Result<Self, Error> {
        check(settings)?;
        let (model, weights) = (
            folder.file("openvino_model.xml")?,
            folder.file("openvino_model.bin")?,
        );
        load_library()?;
        let streams = match settings.threads {
            0 => std::thread::available_parallelism().map_or(1, NonZero::get),
            threads => threads,
        };
        let mut core = Core::new().map_err(refused)?;
        let count = streams.to_string();
        for (key, value) in [
            (RwPropertyKey::NumStreams, count.as_str()),
            (RwPropertyKey::InferenceNumThreads, count.as_str()),
            (RwPropertyKey::HintInferencePrecision, "f32"),
            // Every process would bind its streams to the same first cores, and leave the others idle.
            (RwPropertyKey::HintEnableCpuPinning, "NO"),
            // Mapped weights would change, or be gone, when their file is written anew.
            (RwPropertyKey::EnableMmap, "NO"),
        ] {
            core.set_property(&DeviceType::CPU, &key, value)
                .map_err(refused)?;
        }
        let model = core
            .read_model_from_file(&text(&model), &text(&weights))
            .map_err(refused)?;
        let mut compiled = core
            .compile_model(&model, DeviceType::CPU)
            .map_err(refused)?;
        // One more than streams: it waits in the queue while a result is read.
        let slots = (0..=streams)
            .map(|_| Ok(Slot::new(compiled.create_infer_request().map_err(refused)?)))
            .collect::<Result<_, Error>>()?;
        Ok(Self { slots, streams })
    }
}

impl Engine for OpenVino {
    fn describe(&self) -> String {
        format!("openvino cpu int8, {} streams", self.streams)
    }

    fn streams(&self) -> usize {
        self.streams
    }

    fn slots(&self) -> usize {
        self.slots.len()
    }

    fn start(&mut self, slot: usize, batch: &TokenBatch) -> Result<(), Error> {
        self.slots[slot].start(batch)
    }

    fn finish(&mut self, slot: usize) -> Result<ArrayView3<'_, f32>, Error> {
        self.slots[slot].finish()
    }
}

impl Slot {
    fn new(request: InferRequest) -> Self {
        Self {
            request,
            is_running: false,
            shape: (0, 0),
            vectors: None,
        }
    }

    fn start(&mut self, batch: &TokenBatch) -> Result<(), Error> {
        self.wait()?;
        self.shape = (batch.windows(), batch.length());
        for (name, array) in [
            ("ids", &batch.ids),
            ("types", &batch.types),
            ("mask", &batch.mask),
        ] {
            let tensor = tensor(array).map_err(refused)?;
            self.request.set_tensor(name, &tensor).map_err(refused)?;
        }
        self.request.infer_async().map_err(refused)?;
        self.is_running = true;
        Ok(())
    }

    fn finish(&mut self) -> Result<ArrayView3<'_, f32>, Error> {
        self.wait()?;
        let vectors = self.request.get_output_tensor().map_err(refused)?;
        let values = self.vectors.insert(vectors).get_data().map_err(refused)?;
        let (windows, length) = self.shape;
        let hidden = values.len() / (windows * length).max(1);
        Ok(ArrayView3::from_shape((windows, length, hidden), values)
            .expect("the output has a vector for each token"))
    }

    /// Waits for the request in hand. One that a failed run left behind is waited for by the next.
    fn wait(&mut self) -> Result<(), Error> {
        if !std::mem::take(&mut self.is_running) {
            return Ok(());
        }
        self.request.wait(LIMIT_MS).map_err(refused)
    }
}

/// Copies an array of shape `[windows, length]`.
fn tensor(array: &Array2<i64>) -> Result<Tensor, openvino::InferenceError> {
    let shape = Shape::new(&[array.nrows() as i64, array.ncols() as i64])?;
    let mut tensor = Tensor::new(ElementType::I64, &shape)?;
    let values = array.as_slice().expect("a batch is laid out row by row");
    tensor.get_data_mut()?.copy_from_slice(values);
    Ok(tensor)
}

/// Refuses settings that this engine cannot follow.
fn check(settings: &Settings) -> Result<(), Error> {
    if settings.device == Device::Cuda {
        return Err(Error::Unsupported(
            "engine `openvino` runs on CPUs: set encoder.device to cpu or auto, \
             or encoder.engine to torch",
        ));
    }
    match settings.precision {
        Precision::Auto | Precision::Int8 => Ok(()),
        Precision::Bf16 | Precision::Fp32 => Err(Error::Unsupported(
            "engine `openvino` runs in int8: set encoder.precision to int8 or auto, \
             or encoder.engine to torch",
        )),
    }
}

/// Loads the library: as the program's run path and the system have it, beside the program, or in
/// the source tree.
fn load_library() -> Result<(), Error> {
    let beside = std::env::current_exe().unwrap_or_default();
    let places = [
        PathBuf::new(),
        beside.with_file_name("../lib/copydesk"),
        Path::new(env!("CARGO_MANIFEST_DIR")).join(FETCHED),
    ];
    let mut refusal = String::new();
    for place in places {
        match openvino_sys::library::load_from(place.join(LIBRARY)) {
            Ok(()) => return Ok(()),
            Err(error) => refusal = error,
        }
    }
    Err(Error::OpenVinoLibrary(refusal))
}

fn text(path: &Path) -> String {
    path.display().to_string()
}

fn refused(error: impl std::error::Error + Send + Sync + 'static) -> Error {
    Error::OpenVino(Box::new(error))
}

//! rust-bert's BERT on libtorch: CPU in bf16 or fp32, and CUDA.

use ndarray::{Array2, Array3, ArrayView3};
use rust_bert::Config;
use rust_bert::bert::{BertConfig, BertEmbeddings, BertModel};
use tch::{Kind, Tensor, nn};

use super::Engine;
use crate::{Device, Error, ModelFolder, Precision, Settings, TokenBatch};

/// The model in libtorch.
pub(crate) struct Torch {
    model: BertModel<BertEmbeddings>,
    device: tch::Device,
    kind: Kind,
    hidden: usize,
    vectors: Array3<f32>,
}

impl Torch {
    /// Loads the encoder's weights.
    pub(crate) fn load(folder: &ModelFolder, settings: &Settings) -> Result<Self, Error> {
        if settings.threads > 0 {
            tch::set_num_threads(i32::try_from(settings.threads).unwrap_or(i32::MAX));
        }
        let device = pick_device(settings.device)?;
        let kind = pick_kind(settings.precision, device)?;
        let config = BertConfig::from_file(folder.file("config.json")?);
        let mut weights = nn::VarStore::new(device);
        let model = BertModel::new_with_optional_pooler(weights.root(), &config, false);
        weights.load(folder.file("model.safetensors")?)?;
        weights.set_kind(kind);
        weights.freeze();
        let hidden = usize::try_from(config.hidden_size).expect("a model has a width");
        Ok(Self {
            model,
            device,
            kind,
            hidden,
            vectors: Array3::default((0, 0, 0)),
        })
    }

    /// Moves an array of shape `[windows, length]` to the device.
    fn tensor(&self, array: &Array2<i64>) -> Tensor {
        let values = array.as_slice().expect("a batch is laid out row by row");
        let shape = [array.nrows(), array.ncols()].map(|side| side as i64);
        Tensor::from_slice(values)
            .view(shape)
            .to_device(self.device)
    }
}

impl Engine for Torch {
    fn describe(&self) -> String {
        let device = if self.device.is_cuda() { "cuda" } else { "cpu" };
        let kind = if self.kind == Kind::BFloat16 {
            "bf16"
        } else {
            "fp32"
        };
        format!("torch {device} {kind}")
    }

    fn streams(&self) -> usize {
        1
    }

    fn slots(&self) -> usize {
        1
    }

    /// Does the work at once: libtorch's own threads share each operation.
    fn start(&mut self, _: usize, batch: &TokenBatch) -> Result<(), Error> {
        let (ids, types) = (self.tensor(&batch.ids), self.tensor(&batch.types));
        let mask = self.tensor(&batch.mask);
        let output = tch::no_grad(|| {
            self.model.forward_t(
                Some(&ids),
                Some(&mask),
                Some(&types),
                None,
                None,
                None,
                None,
                false,
            )
        })?;
        let vectors = output
            .hidden_state
            .to_kind(Kind::Float)
            .to_device(tch::Device::Cpu);
        self.vectors = Array3::zeros((batch.windows(), batch.length(), self.hidden));
        let numel = self.vectors.len();
        let slice = self
            .vectors
            .as_slice_mut()
            .expect("a new array is laid out row by row");
        vectors.contiguous().f_copy_data(slice, numel)?;
        Ok(())
    }

    fn finish(&mut self, _: usize) -> Result<ArrayView3<'_, f32>, Error> {
        Ok(self.vectors.view())
    }
}

fn pick_device(device: Device) -> Result<tch::Device, Error> {
    match device {
        Device::Auto => Ok(tch::Device::cuda_if_available()),
        Device::Cpu => Ok(tch::Device::Cpu),
        Device::Cuda if tch::Cuda::is_available() => Ok(tch::Device::Cuda(0)),
        Device::Cuda => Err(Error::Unsupported(
            "device `cuda` was asked for, and libtorch sees none",
        )),
    }
}

fn pick_kind(precision: Precision, device: tch::Device) -> Result<Kind, Error> {
    match precision {
        Precision::Bf16 => Ok(Kind::BFloat16),
        Precision::Fp32 => Ok(Kind::Float),
        Precision::Auto if device.is_cuda() || has_bf16() => Ok(Kind::BFloat16),
        Precision::Auto => Ok(Kind::Float),
        Precision::Int8 => Err(Error::Unsupported(
            "engine `torch` has no int8: set encoder.precision to bf16, fp32 or auto, \
             or encoder.engine to openvino",
        )),
    }
}

/// Whether the CPU multiplies in bf16; every CPU with AMX does so with AVX-512, too.
fn has_bf16() -> bool {
    #[cfg(target_arch = "x86_64")]
    let there = is_x86_feature_detected!("avx512bf16");
    #[cfg(not(target_arch = "x86_64"))]
    let there = false;
    there
}

//! Which engine runs the model, where, and in which numbers.

use crate::encoder::Settings;
use crate::engine::Engine;
use crate::{Error, ModelFolder};

/// What runs the model.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Deserialize, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum EngineName {
    /// The faster one for this hardware and this model folder.
    #[default]
    Auto,
    /// rust-bert on libtorch: CUDA, and bf16 or fp32 on CPUs.
    Torch,
    /// OpenVINO: int8 on CPUs.
    OpenVino,
}

/// Where the model runs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Deserialize, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Device {
    /// The first GPU where there is one, else the CPU.
    #[default]
    Auto,
    /// The CPU.
    Cpu,
    /// The first GPU.
    Cuda,
}

/// The numeric form that the model runs in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Deserialize, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Precision {
    /// The fastest that the engine has on this hardware.
    #[default]
    Auto,
    /// 16 bits, 8 of them the exponent.
    Bf16,
    /// 32 bits.
    Fp32,
    /// 8-bit integers in the products; scales were chosen when the model was trained.
    Int8,
}

/// Loads the engine that the settings ask for, and says why it is that one.
pub(crate) fn load(
    folder: &ModelFolder,
    settings: &Settings,
) -> Result<(Box<dyn Engine>, &'static str), Error> {
    match settings.engine {
        EngineName::Torch => Ok((torch(folder, settings)?, "it is set")),
        EngineName::OpenVino => Ok((openvino(folder, settings)?, "it is set")),
        EngineName::Auto => choose(folder, settings),
    }
}

/// A GPU is faster than a CPU, and int8 faster than bf16, where they can be had.
fn choose(
    folder: &ModelFolder,
    settings: &Settings,
) -> Result<(Box<dyn Engine>, &'static str), Error> {
    if matches!(settings.precision, Precision::Bf16 | Precision::Fp32) {
        return Ok((torch(folder, settings)?, "of the numeric form that is set"));
    }
    if settings.device == Device::Cuda || settings.device == Device::Auto && has_cuda() {
        return Ok((torch(folder, settings)?, "there is a GPU"));
    }
    if cfg!(feature = "openvino") && folder.has_int8() {
        return Ok((openvino(folder, settings)?, "int8 is the fastest on a CPU"));
    }
    Ok((torch(folder, settings)?, "the model has no int8 form"))
}

#[cfg(feature = "torch")]
fn torch(folder: &ModelFolder, settings: &Settings) -> Result<Box<dyn Engine>, Error> {
    Ok(Box::new(super::torch::Torch::load(folder, settings)?))
}

#[cfg(not(feature = "torch"))]
fn torch(_: &ModelFolder, _: &Settings) -> Result<Box<dyn Engine>, Error> {
    Err(Error::Unsupported(
        "libtorch would be needed (engine `torch`, device `cuda`, precision `bf16` or `fp32`), \
         and this program was built without it",
    ))
}

#[cfg(feature = "openvino")]
fn openvino(folder: &ModelFolder, settings: &Settings) -> Result<Box<dyn Engine>, Error> {
    Ok(Box::new(super::openvino::OpenVino::load(folder, settings)?))
}

#[cfg(not(feature = "openvino"))]
fn openvino(_: &ModelFolder, _: &Settings) -> Result<Box<dyn Engine>, Error> {
    Err(Error::Unsupported(
        "OpenVINO would be needed (engine `openvino`, precision `int8`), \
         and this program was built without it",
    ))
}

#[cfg(feature = "torch")]
fn has_cuda() -> bool {
    tch::Cuda::is_available()
}

#[cfg(not(feature = "torch"))]
fn has_cuda() -> bool {
    false
}

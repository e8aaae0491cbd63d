//! Tells the program where its shared libraries lie, so that it runs by its path alone.

/// Installed beside the program, or in the `lib` folder beside its own.
const BESIDE: [&str; 2] = ["$ORIGIN/lib", "$ORIGIN/../lib"];

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    println!("cargo:rerun-if-env-changed=LIBTORCH");
    for folder in BESIDE {
        println!("cargo:rustc-link-arg-bins=-Wl,-rpath,{folder}");
    }
    // Where they lay at build time: for a target folder that is elsewhere.
    if let Ok(libtorch) = std::env::var("LIBTORCH") {
        println!("cargo:rustc-link-arg=-Wl,-rpath,{libtorch}/lib");
    }
}

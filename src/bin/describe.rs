//! Prints what the TypeScript side is generated from (see `loomwork::describe`).

fn main() {
    #[cfg(all(not(target_family = "wasm"), feature = "builtin"))]
    println!("{:#}", loomwork::describe::describe(loomwork::kernels::KERNELS));
}

// Made by wasm-bindgen under target/wasm; the bundler resolves these names (www/build/bundle.mjs).
declare module 'loomwork-glue/*';

// Where wasm files are modules, importing one gives it compiled.
declare module '*.wasm' {
  const module: WebAssembly.Module;
  export default module;
}

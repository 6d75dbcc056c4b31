// The no-op of piscina and tinypool.
export default () => {};

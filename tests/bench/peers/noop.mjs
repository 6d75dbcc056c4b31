// The no-op of piscina and tinypool: answers with what it is given.
export default (data) => data;

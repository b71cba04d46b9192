// node-fetch, as Node itself has it since version 18.
/** @type {typeof globalThis.fetch} */
const request = (input, init) => globalThis.fetch(input, init);

module.exports = Object.assign(request, {
  default: request,
  Headers: globalThis.Headers,
  Request: globalThis.Request,
  Response: globalThis.Response,
});

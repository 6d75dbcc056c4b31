// Why a port cannot be had.

/** By the error's code. */
export function listenReason(code: string | undefined, message: string): string {
  switch (code) {
    case 'EADDRINUSE':
      return 'the port is taken; choose another with --port, or leave --port out';
    case 'EACCES':
      return 'the port needs more rights; choose one above 1023';
    case 'EADDRNOTAVAIL':
    case 'ENOTFOUND':
      return 'this machine has no such address; give one of its own with --host';
    default:
      return message;
  }
}

"""Worker processes: messages over a socket, the process that calls a function, and a pool of such processes."""

/**
 * Importing this turns off the telemetry of onnxruntime. Its official binaries for Linux report sessions, with hashes of
 * graphs and weights and an identifier of the machine, to Microsoft, and keep them in a database below the user's cache.
 *
 * The library reads the variable of the process when it is loaded. Assignments in a thread change a copy of the thread's
 * own, so that the main thread, which loads this package before it starts a thread, has to make this one.
 */
process.env['ORT_DISABLE_TELEMETRY'] = '1'

/** Bounds of what the dashboard asks of a node, each with its reason. */
export const dashboardLimits = {
  /** A loss is to be seen within a second. The node itself notices it after some 60 ms, and the page draws in 20 ms. */
  lookMs: 100,
  /** After a look the watch rests so many times as long as it took: it never takes more than a twentieth of the time. */
  restPerLook: 19,
  /** Pages that watch at once; they share one look, and each costs a connection and the last state as text. */
  watchersMax: 32,
  /** A comment is sent after such a silence: proxies close streams that are silent for 30 to 60 s. */
  keepAliveMs: 15_000,
} as const

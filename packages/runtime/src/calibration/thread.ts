import { parentPort, workerData } from 'node:worker_threads'
import { nativeGate, createGateMemory } from '../onnx/native-gate.ts'
import type { CollectOptions } from './collect-input-sums.ts'
import { sumsOfTexts } from './sums-of-texts.ts'

/** The thread of a calibration: native calls block it, and its process stays responsive. */
if (parentPort === null) throw new Error('thread.ts must be started as a worker thread')
const sums = await sumsOfTexts(workerData as Omit<CollectOptions, 'signal'>, nativeGate(createGateMemory()))
parentPort.postMessage(sums)

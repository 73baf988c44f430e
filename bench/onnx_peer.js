// ONNX Runtime's side of the benchmark: the CPU provider with one thread, all graph optimisations.
//
// usage: node onnx_peer.js NODE_MODULES MODEL.onnx IMAGES HxWxC
//
// Of the commands of bench_lesion.c it knows `forward IMAGES BATCH` and `logits forward IMAGES FIRST STEP PATH` (the
// intact network's logits alone).
'use strict';
const fs = require('fs');
const path = require('path');
const readline = require('readline');

const [modules, model, imagesPath, size] = process.argv.slice(2);
const ort = require(path.join(modules, 'onnxruntime-node'));
const version = require(path.join(modules, 'onnxruntime-node', 'package.json')).version;
const [h, w, c] = size.split('x').map(Number);
const imageFloats = h * w * c;

function readImages() {
  const bytes = fs.readFileSync(imagesPath);
  return new Float32Array(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length));
}

function batchOf(images, begin, n) {
  const part = images.slice(begin * imageFloats, (begin + n) * imageFloats);
  return new ort.Tensor('float32', part, [n, c, h, w]);
}

function cpuSeconds() {
  const used = process.cpuUsage();
  return (used.user + used.system) / 1e6;
}

async function forward(session, images, count, batch) {
  const inputs = [];
  for (let at = 0; at < count; at += batch)
    inputs.push(batchOf(images, at, Math.min(batch, count - at)));
  const began = process.hrtime.bigint(), cpuBegan = cpuSeconds();
  for (const input of inputs)
    await session.run({images: input});
  return {
    seconds: Number(process.hrtime.bigint() - began) / 1e9, cpu_seconds: cpuSeconds() - cpuBegan, images: count,
  };
}

async function logits(session, images, count, to) {
  const result = await session.run({images: batchOf(images, 0, count)});
  const data = result.logits.data;
  fs.writeFileSync(to, Buffer.from(data.buffer, data.byteOffset, data.byteLength));
  return {jobs: 0, images: count};
}

async function obey(session, images, line) {
  const words = line.trim().split(/\s+/);
  if (words[0] === 'forward')
    return forward(session, images, Number(words[1]), Number(words[2]));
  if (words[0] === 'logits')
    return logits(session, images, Number(words[2]), words[5]);
  throw new Error(`unknown command: ${line}`);
}

async function main() {
  const session = await ort.InferenceSession.create(model, {
    executionProviders: ['cpu'], intraOpNumThreads: 1, interOpNumThreads: 1, executionMode: 'sequential',
    graphOptimizationLevel: 'all',
  });
  const images = readImages();
  console.log(JSON.stringify({what: `ONNX Runtime ${version}`}));
  for await (const line of readline.createInterface({input: process.stdin}))
    console.log(JSON.stringify(await obey(session, images, line)));
}

main().catch((error) => {
  console.error(error.stack || String(error));
  process.exit(1);
});

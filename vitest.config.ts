import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    globalSetup: ['test/wasm/global-setup.ts'],
    // Native addons (zeromq, lmdb, onnxruntime) do not survive worker threads being torn down.
    pool: 'forks',
    testTimeout: 60_000,
    hookTimeout: 60_000,
  },
});

// The configuration of the zwave-js-server in the end-to-end tests. The key is nobody's.
module.exports = {
  storage: { cacheDir: process.env.LOQUET_E2E_ZWAVE_CACHE },
  logConfig: { enabled: false },
  securityKeys: { S0_Legacy: "0102030405060708090a0b0c0d0e0f10" },
  emitValueUpdateAfterSetValue: true,
  disableOptimisticValueUpdate: true,
}

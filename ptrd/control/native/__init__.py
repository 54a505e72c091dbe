"""ptrd's own API with its OpenAPI document; it only translates. Read `dialect.NativeApi` first."""

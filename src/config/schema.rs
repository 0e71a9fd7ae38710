//! JSON Schema of the file, for editors and validators.

/// The first line of a file, for editors that know the YAML language server.
pub const SCHEMA_COMMENT: &str = "# yaml-language-server: $schema=https://raw.githubusercontent.com/OWNER/lambda-layer-action/v0/lambda-layers.schema.json";

/// JSON Schema of the file.
pub fn schema() -> String {
    String::new()
}

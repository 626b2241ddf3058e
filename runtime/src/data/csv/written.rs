//! Tables that are written.

use std::path::Path;

use ::csv::{Error, WriterBuilder};

use crate::data::{DataError, write_atomically};

/// Writes a table: a line of names, and a line for each row, of as many cells; what holds a comma, a
/// quote or a line end stands in quotes. A file of that name is replaced as a whole. Errors: it
/// cannot be written.
pub fn write_table(
    path: &Path,
    header: &[String],
    rows: impl Iterator<Item = Vec<String>>,
) -> Result<(), DataError> {
    write_atomically(path, |file| {
        let mut writer = WriterBuilder::new().from_writer(file);
        writer.write_record(header)?;
        for row in rows {
            writer.write_record(&row)?;
        }
        writer.flush().map_err(Error::from)
    })
}

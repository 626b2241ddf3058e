//! The log of a training as TensorBoard reads it: event files in the folders `train` and
//! `validation`, with the tags that Keras's callback writes (`batch_loss` by step, `epoch_loss` by
//! epoch).
//!
//! A file is records, each of its length, the data and their CRCs (TensorFlow's
//! `record_writer.cc`); the data are the message `Event` of `event.proto`, of which five fields are
//! written here.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::ops::ControlFlow;
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use brolga_compiler::ir::{Literal, Name, Scalar};
use indexmap::IndexMap;

use super::fit::{BatchReport, Callbacks, EpochReport};
use super::progress::Progress;
use crate::RunError;
use crate::data::DataError;
use crate::session::{Clock, Prepared, Session};

/// Writes event files.
pub struct TensorBoard {
    train: Events<BufWriter<File>>,
    validation: Events<BufWriter<File>>,
}

impl TensorBoard {
    /// Event files in a folder, which is made if it is not there. What a training that goes on from
    /// `resumed` has written after that moment is not shown.
    ///
    /// ```
    /// use brolga::{FitOptions, Session, fit, runtime::train::TensorBoard};
    /// # let text = "input x: f32[n]\nparam w: f32 = 3\nminimize w * mean(x) with sgd(lr=0.01)\n";
    /// # let graph = brolga::Graph::from_text("w.graph", text)?;
    /// # let x = brolga::Literal::from_vec(&[64], vec![1f32; 64]).ok_or("64 elements")?;
    /// # let data = brolga::DataSet::new("x", vec![("x".to_string(), x)])?;
    /// # let folder = std::env::temp_dir().join(format!("tensorboard-{}", std::process::id()));
    ///
    /// # let mut session = Session::new(graph, Default::default())?;
    /// fit(&mut session, &data, &FitOptions::new(1), &mut TensorBoard::new(&folder, None)?)?;
    /// assert_eq!(std::fs::read_dir(folder.join("train"))?.count(), 1);
    /// # std::fs::remove_dir_all(&folder)?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// A folder or file that cannot be made.
    pub fn new(folder: &Path, resumed: Option<Clock>) -> Result<TensorBoard, DataError> {
        let events = |part: &str, first: Option<i64>| {
            let folder = folder.join(part);
            std::fs::create_dir_all(&folder).map_err(|e| DataError::write(&folder, &e))?;
            let (seconds, process) = (now(), std::process::id());
            // The order of names is that of time, and no two trainings have one file.
            let path = folder.join(format!("events.out.tfevents.{seconds:.6}.{process}"));
            let file = File::create_new(&path).map_err(|e| DataError::write(&path, &e))?;
            Events::new(BufWriter::new(file), first).map_err(|e| DataError::write(&path, &e))
        };
        Ok(TensorBoard {
            train: events("train", resumed.map(|clock| clock.step))?,
            validation: events("validation", resumed.map(|clock| clock.epoch))?,
        })
    }
}

impl Callbacks for TensorBoard {
    fn batch(
        &mut self,
        report: &BatchReport<'_>,
        results: &Prepared<'_>,
    ) -> Result<ControlFlow<()>, RunError> {
        let metrics = with_rates(report.rates, results.batch_metrics()?);
        self.train.scalars("batch", report.step, &metrics)?;
        Ok(ControlFlow::Continue(()))
    }

    fn epoch(
        &mut self,
        report: &EpochReport,
        _: &Session,
        _: &Progress,
    ) -> Result<ControlFlow<()>, RunError> {
        let metrics = with_rates(&report.rates, report.train.clone());
        self.train.scalars("epoch", report.epoch, &metrics)?;
        if let Some(metrics) = &report.validation {
            self.validation.scalars("epoch", report.epoch, metrics)?;
        }
        self.train.flush()?;
        self.validation.flush()?;
        Ok(ControlFlow::Continue(()))
    }
}

/// The metrics, and the learning rates after them.
fn with_rates(
    rates: &[(Name, Scalar)],
    mut metrics: IndexMap<Name, Literal>,
) -> IndexMap<Name, Literal> {
    metrics.extend(rates.iter().map(|(name, rate)| (name.clone(), Literal::scalar(*rate))));
    metrics
}

/// An event file.
struct Events<W: Write> {
    to: W,
}

/// The version that a file begins with.
const VERSION: &[u8] = b"brain.Event:2";

/// `SessionLog.START`: what is there from this step on is another training's.
const START: u64 = 1;

impl<W: Write> Events<W> {
    fn new(to: W, resumed: Option<i64>) -> std::io::Result<Events<W>> {
        let mut events = Events { to };
        events.event(0, |event| bytes(event, 3, VERSION))?;
        if let Some(step) = resumed {
            let mut start = vec![];
            integer(&mut start, 1, START);
            events.event(step, |event| bytes(event, 7, &start))?;
        }
        Ok(events)
    }

    /// The metrics that are numbers, as `PREFIX_NAME`.
    fn scalars(
        &mut self,
        prefix: &str,
        step: i64,
        metrics: &IndexMap<Name, Literal>,
    ) -> Result<(), RunError> {
        let mut summary = vec![];
        for (name, value) in metrics.iter().filter(|(_, value)| value.sizes().is_empty()) {
            let Some(x) = value.scalars().next() else { continue };
            let mut of_metric = vec![];
            bytes(&mut of_metric, 1, format!("{prefix}_{name}").as_bytes());
            key(&mut of_metric, 2, FOUR_BYTES);
            of_metric.extend((x.to_f64() as f32).to_le_bytes());
            bytes(&mut summary, 1, &of_metric);
        }
        let written = self.event(step, |event| bytes(event, 5, &summary));
        written.map_err(|e| RunError::Log(e.to_string()))
    }

    /// An event of now, with what `fill` adds.
    fn event(&mut self, step: i64, fill: impl FnOnce(&mut Vec<u8>)) -> std::io::Result<()> {
        let mut event = vec![];
        key(&mut event, 1, EIGHT_BYTES);
        event.extend(now().to_le_bytes());
        integer(&mut event, 2, step as u64);
        fill(&mut event);
        let length = (event.len() as u64).to_le_bytes();
        self.to.write_all(&length)?;
        self.to.write_all(&masked_crc(&length).to_le_bytes())?;
        self.to.write_all(&event)?;
        self.to.write_all(&masked_crc(&event).to_le_bytes())
    }

    fn flush(&mut self) -> Result<(), RunError> {
        self.to.flush().map_err(|e| RunError::Log(e.to_string()))
    }
}

/// Seconds since 1970.
fn now() -> f64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0.0, |since| since.as_secs_f64())
}

/// CRC-32C, turned and moved so that a CRC of data that hold CRCs is none of their own.
fn masked_crc(data: &[u8]) -> u32 {
    crc32c::crc32c(data).rotate_right(15).wrapping_add(0xa282_ead8)
}

/// The wire types of protocol buffers.
const VARINT: u64 = 0;
const EIGHT_BYTES: u64 = 1;
const COUNTED: u64 = 2;
const FOUR_BYTES: u64 = 5;

fn key(to: &mut Vec<u8>, field: u64, wire_type: u64) {
    varint(to, field << 3 | wire_type);
}

fn integer(to: &mut Vec<u8>, field: u64, value: u64) {
    key(to, field, VARINT);
    varint(to, value);
}

fn bytes(to: &mut Vec<u8>, field: u64, value: &[u8]) {
    key(to, field, COUNTED);
    varint(to, value.len() as u64);
    to.extend(value);
}

fn varint(to: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        to.push(value as u8 | 0x80);
        value >>= 7;
    }
    to.push(value as u8);
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The records of a file; each CRC holds.
    fn records(mut file: &[u8]) -> Vec<Vec<u8>> {
        let mut records = vec![];
        while let Some((length, rest)) = file.split_first_chunk::<8>() {
            let n = u64::from_le_bytes(*length) as usize;
            let (crc, rest) = rest.split_at(4);
            assert_eq!(crc, masked_crc(length).to_le_bytes());
            assert_eq!(rest[n..n + 4], masked_crc(&rest[..n]).to_le_bytes());
            records.push(rest[..n].to_vec());
            file = &rest[n + 4..];
        }
        records
    }

    #[test]
    fn events_are_records_of_messages() {
        // The known value of CRC-32C (RFC 3720, B.4), masked.
        assert_eq!(crc32c::crc32c(b"123456789"), 0xe306_9283);
        let mut file = vec![];
        let mut events = Events::new(&mut file, Some(300)).expect("memory takes it");
        let metrics = IndexMap::from([("loss".into(), Literal::scalar(Scalar::F32(0.5)))]);
        events.scalars("batch", 299, &metrics).expect("memory takes it");
        let records = records(&file);
        let tail = |n: usize| &records[n][9..];
        assert_eq!(tail(0), [b"\x10\x00\x1a\x0d".as_slice(), VERSION].concat());
        assert_eq!(tail(1), b"\x10\xac\x02\x3a\x02\x08\x01");
        let value = b"\x0a\x0abatch_loss\x15\x00\x00\x00\x3f";
        assert_eq!(tail(2), [b"\x10\xab\x02\x2a\x13\x0a\x11".as_slice(), value].concat());
    }
}

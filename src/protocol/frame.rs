//! Framing: the length of a message in four bytes, little-endian, then that many bytes of JSON.

use std::io::{self, Read, Write};

use serde::Serialize;
use serde::de::DeserializeOwned;

/// The bytes that hold the length.
pub const LENGTH_BYTES: usize = 4;

/// The longest message. Nothing is allocated for a length above it.
pub const MAX_FRAME_BYTES: usize = 1 << 20;

/// Why a message could not be read.
#[derive(Debug, thiserror::Error)]
pub enum FrameError {
    /// The stream ended, stalled, or failed.
    #[error("{0}")]
    Io(#[from] io::Error),
    /// The message is too long.
    #[error("a frame of {0} bytes; the most is {MAX_FRAME_BYTES}")]
    TooLong(u32),
    /// The bytes are not a message of the expected type.
    #[error("not a message of this protocol: {0}")]
    NotUnderstood(#[from] serde_json::Error),
}

/// A message as it is sent.
pub fn encode(message: &impl Serialize) -> Result<Vec<u8>, FrameError> {
    let mut frame = vec![0; LENGTH_BYTES];
    serde_json::to_writer(&mut frame, message)?;
    let length = frame.len() - LENGTH_BYTES;
    if length > MAX_FRAME_BYTES {
        return Err(FrameError::TooLong(u32::try_from(length).unwrap_or(u32::MAX)));
    }
    frame[..LENGTH_BYTES].copy_from_slice(&(length as u32).to_le_bytes());
    Ok(frame)
}

/// The length of the body that follows these bytes.
pub fn body_length(bytes: [u8; LENGTH_BYTES]) -> Result<usize, FrameError> {
    let length = u32::from_le_bytes(bytes);
    if length as usize > MAX_FRAME_BYTES {
        return Err(FrameError::TooLong(length));
    }
    Ok(length as usize)
}

/// The message in a body.
pub fn decode<T: DeserializeOwned>(body: &[u8]) -> Result<T, FrameError> {
    Ok(serde_json::from_slice(body)?)
}

/// Writes one message.
pub fn write(stream: &mut impl Write, message: &impl Serialize) -> Result<(), FrameError> {
    stream.write_all(&encode(message)?)?;
    Ok(stream.flush()?)
}

/// Reads one message.
pub fn read<T: DeserializeOwned>(stream: &mut impl Read) -> Result<T, FrameError> {
    let mut length = [0; LENGTH_BYTES];
    stream.read_exact(&mut length)?;
    let mut body = vec![0; body_length(length)?];
    stream.read_exact(&mut body)?;
    decode(&body)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn read_text(bytes: &[u8]) -> Result<String, FrameError> {
        read(&mut &bytes[..])
    }

    #[test]
    fn a_message_comes_back_and_the_next_one_after_it() {
        let mut stream = Vec::new();
        write(&mut stream, &"first").unwrap();
        write(&mut stream, &"second").unwrap();
        assert_eq!(stream, b"\x07\0\0\0\"first\"\x08\0\0\0\"second\"");
        let mut rest = stream.as_slice();
        assert_eq!(read::<String>(&mut rest).unwrap(), "first");
        assert_eq!(read::<String>(&mut rest).unwrap(), "second");
    }

    #[test]
    fn a_length_of_four_gigabytes_is_refused_before_anything_is_allocated() {
        assert!(matches!(read_text(&[0xff; 64]), Err(FrameError::TooLong(u32::MAX))));
        let one_more = (MAX_FRAME_BYTES as u32 + 1).to_le_bytes();
        assert!(matches!(read_text(&one_more), Err(FrameError::TooLong(_))));
    }

    #[test]
    fn what_is_too_long_is_not_sent() {
        let mut stream = Vec::new();
        let error = write(&mut stream, &"x".repeat(MAX_FRAME_BYTES)).unwrap_err();
        assert!(matches!(error, FrameError::TooLong(_)), "{error}");
        assert!(stream.is_empty());
    }

    proptest! {
        #[test]
        fn any_bytes_are_a_message_or_an_error(bytes: Vec<u8>) {
            let _ = read_text(&bytes);
        }

        #[test]
        fn part_of_a_message_is_an_error(text: String, at: prop::sample::Index) {
            let mut stream = Vec::new();
            write(&mut stream, &text).unwrap();
            stream.truncate(at.index(stream.len()));
            prop_assert!(matches!(read_text(&stream), Err(FrameError::Io(_))));
        }
    }
}

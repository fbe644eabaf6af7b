//! The lines that are kept in memory: the newest segments, as many as a bound allows.

use std::collections::VecDeque;

/// All lines together; the oldest segment goes first. The newest stays, whatever it holds.
const MAX_BYTES: usize = 8 << 20;
/// A segment is closed after so many bytes of frames.
const MAX_SEGMENT_BYTES: usize = 2 << 20;
/// A segment is closed after so many frames: a quarter of an hour, where four a second are drawn.
const MAX_FRAMES: usize = 3_600;

/// What is kept.
#[derive(Debug, Clone, Default)]
pub struct Tape {
    segments: VecDeque<Segment>,
    bytes: usize,
}

#[derive(Debug, Clone)]
struct Segment {
    lines: Vec<String>,
    bytes: usize,
}

impl Tape {
    /// A segment begins with this line.
    pub fn begin(&mut self, mut line: String) {
        // It was written into twice the room.
        line.shrink_to_fit();
        self.segments.push_back(Segment {
            lines: Vec::new(),
            bytes: 0,
        });
        self.add(line);
    }

    /// A line of the segment that was begun last; none is taken before the first segment.
    pub fn add(&mut self, line: String) {
        let Some(segment) = self.segments.back_mut() else {
            return;
        };
        segment.bytes += line.len();
        self.bytes += line.len();
        segment.lines.push(line);
        while self.bytes > MAX_BYTES && self.segments.len() > 1 {
            let dropped = self.segments.pop_front();
            self.bytes -= dropped.map_or(0, |segment| segment.bytes);
        }
    }

    /// Whether another segment should begin.
    pub fn is_full(&self) -> bool {
        self.segments.back().is_none_or(|segment| {
            let head = segment.lines.first().map_or(0, String::len);
            segment.bytes - head >= MAX_SEGMENT_BYTES || segment.lines.len() > MAX_FRAMES
        })
    }

    /// Every line that is kept, the oldest first.
    pub fn lines(&self) -> impl Iterator<Item = &str> {
        self.segments
            .iter()
            .flat_map(|segment| segment.lines.iter().map(String::as_str))
    }

    /// How many bytes are kept.
    pub const fn bytes(&self) -> usize {
        self.bytes
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_bounded_and_what_is_kept_begins_with_a_whole_state() {
        let mut tape = Tape::default();
        assert!(tape.is_full(), "nothing is recorded before a whole state");
        tape.add("lost".to_owned());
        assert_eq!(tape.lines().count(), 0);
        let mut newest = 0;
        for _ in 0..100_000 {
            if tape.is_full() {
                tape.begin(format!("whole {}", "w".repeat(1 << 20)));
            }
            newest += 1;
            tape.add(format!("frame {newest} {}", "f".repeat(10_000)));
            assert!(tape.bytes() <= MAX_BYTES);
        }
        let lines: Vec<&str> = tape.lines().collect();
        assert!(lines[0].starts_with("whole"));
        assert!(lines.last().unwrap().starts_with(&format!("frame {newest} ")));
        assert_eq!(lines.iter().map(|line| line.len()).sum::<usize>(), tape.bytes());
    }

    #[test]
    fn a_segment_is_closed_after_many_frames_however_small() {
        let mut tape = Tape::default();
        tape.begin("whole".to_owned());
        let frames = (0..10_000).take_while(|_| {
            tape.add("frame".to_owned());
            !tape.is_full()
        });
        assert_eq!(frames.count() + 1, MAX_FRAMES);
    }
}

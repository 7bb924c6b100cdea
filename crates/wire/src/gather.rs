/// Hands many small pieces on as few large ones: a hash takes some 15 ns for each, whatever its size.
pub(crate) struct Gather<S: FnMut(&[u8])> {
    buffer: [u8; 256],
    length: usize,
    sink: S,
}

impl<S: FnMut(&[u8])> Gather<S> {
    pub(crate) fn new(sink: S) -> Self {
        Self {
            buffer: [0; 256],
            length: 0,
            sink,
        }
    }

    pub(crate) fn put(&mut self, piece: &[u8]) {
        if self.length + piece.len() > self.buffer.len() {
            self.flush();
        }
        match self.buffer.get_mut(self.length..self.length + piece.len()) {
            Some(free) => {
                free.copy_from_slice(piece);
                self.length += piece.len();
            }
            None => (self.sink)(piece),
        }
    }

    /// Must be called after the last piece.
    pub(crate) fn flush(&mut self) {
        (self.sink)(&self.buffer[..self.length]);
        self.length = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pieces_come_out_whole_and_in_order() {
        let text: Vec<u8> = (0..5_000_u32).map(|number| number as u8).collect();
        for lengths in [
            vec![1, 2, 3],
            vec![250, 6, 1],
            vec![256],
            vec![257, 7],
            vec![2_000, 1, 255],
        ] {
            let (mut gathered, mut rest) = (Vec::new(), &text[..]);
            let mut gather = Gather::new(|bytes| gathered.extend_from_slice(bytes));
            for length in lengths.iter().cycle() {
                let (piece, others) = rest.split_at(rest.len().min(*length));
                gather.put(piece);
                rest = others;
                if rest.is_empty() {
                    break;
                }
            }
            gather.flush();
            assert_eq!(gathered, text, "{lengths:?}");
        }
    }
}

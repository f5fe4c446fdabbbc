//! One column for the comments of consecutive lines.

/// Lines longer than this have no say in the column: one of a megabyte would pad every line beside it as far.
const LONGEST: usize = 100;

/// Puts the comments behind things on consecutive lines into one column, two spaces behind the longest.
pub(super) fn align(out: &str, trailing: &[usize]) -> String {
    let mut aligned = String::with_capacity(out.len() + 16 * trailing.len());
    let mut run: Vec<(&str, &str)> = Vec::new();
    let flush = |run: &mut Vec<(&str, &str)>, aligned: &mut String| {
        let lengths = run.iter().map(|(code, _)| code.chars().count());
        let width = lengths.filter(|length| *length <= LONGEST).max().unwrap_or(0) + 2;
        for (code, comment) in run.drain(..) {
            aligned.push_str(code);
            let gap = width.saturating_sub(code.chars().count()).max(2);
            aligned.extend(std::iter::repeat_n(' ', gap));
            aligned.push_str(comment);
            aligned.push('\n');
        }
    };
    let mut marks = trailing.iter().peekable();
    let mut start = 0;
    for line in out.split('\n') {
        match marks.next_if(|mark| **mark <= start + line.len()) {
            Some(mark) => run.push(line.split_at(mark - start)),
            None => {
                flush(&mut run, &mut aligned);
                aligned.push_str(line);
                aligned.push('\n');
            }
        }
        start += line.len() + 1;
    }
    flush(&mut run, &mut aligned);
    aligned
}

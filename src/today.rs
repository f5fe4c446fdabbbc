//! The day by which accepted losses end.

use wsgen_model::decode::Scalar;
use wsgen_model::scalar::Date;

/// Today in UTC; `None` where the clock shows no year of four digits.
pub(crate) fn today() -> Option<Date> {
    Date::parse(&chrono::Utc::now().date_naive().to_string()).ok()
}

//! The reference proxy: it runs a wsgen model directly.

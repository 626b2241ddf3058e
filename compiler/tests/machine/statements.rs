//! Loops, folds, indices, tiles and chunks.

//! The pre-flight catalogue, grouped by what the checks look at. Reads only.

//! Results of plimsoll as files: CSV, JSON, plots and HTML.

"""Engineering data: telemetry of thousands of mnemonics, every sample classified, none lost.

Comes in: released engineering files (packets or HDF5), read through the telemetry database. Goes out: the engineering database:
samples in immutable, checksummed Parquet partitions by hour of their time, catalogued and versioned; the latest sample and
hourly statistics of every mnemonic; gaps, conflicts and the intervals that they make suspect.

A sample is new, late (new, and older than what is held of its mnemonic), an exact duplicate (dropped and counted) or in
conflict (same mnemonic and time, another value: both are kept, and the interval is suspect until a person decides).

Verbs: `ingest.ingest`, `compact.compact`, `recount.recount`, `resolve.preview` and `resolve.resolve` (conflicts), `decide.preview` and
`decide.decide` (refused files), `gap_acts.ask` and `gap_acts.waive`. One writer works at a time; any number may read meanwhile.
"""

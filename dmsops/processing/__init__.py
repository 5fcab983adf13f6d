"""Processing: recorded telemetry becomes level 1b, level 1b becomes calibrated and combined products.

Comes in: recorder files, the visit as planned and as reported, the ephemeris, pointing telemetry, calibration
references. Goes out: uncal, rate, rateints, dark, cal, i2d and wfscmb products, association pools and associations.

Verbs: `level1b.make_level1b` (telemetry to uncal), `guider.make_guider` (the same for the guiders' own readings),
`calibrate.detector1`, `calibrate.dark`, `calibrate.image2`,
`calibrate.wfs_image3`, `calibrate.image3` (the jwst package's own pipelines), `associate.associate` (pool and
associations by the jwst package's own rules), `gate.check` (is a product good), `diagnose.diagnose` (what went
wrong, in words). `steps` registers them for the workflow layer. The part has no tables: what ran is on the
blackboard, what was made is in the archive.
"""

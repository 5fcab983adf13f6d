"""Small products for tests: FITS files with the headers that catalogue and wavefront support read, and hardly any pixels."""

from __future__ import annotations

from pathlib import Path

REGION = "POLYGON ICRS  80.01 -69.51 79.99 -69.51 79.99 -69.49 80.01 -69.49"


def write_product(path: Path, *, region: str = REGION, value: float = 1.0, asdf: bool = True, **keywords: object) -> Path:
    """Write a small product; ``keywords`` change or (when None) remove primary keywords; ``asdf`` adds the pipeline's extension, empty."""
    import numpy as np
    from astropy.io import fits

    primary = fits.PrimaryHDU()
    for key, content in {**_KEYWORDS, **keywords}.items():
        if content is not None:
            primary.header[key] = content
    science = fits.ImageHDU(np.full((4, 4), value, dtype=np.float32), name="SCI")
    if region:
        science.header["S_REGION"] = region
    if region == REGION:
        science.header.update(_SKY)
    planes = [fits.ImageHDU(np.zeros((4, 4), dtype=np.float32), name=name) for name in ("ERR", "DQ")]
    planes += (
        [fits.BinTableHDU.from_columns([fits.Column("ASDF_METADATA", "1B", array=np.zeros(1, np.uint8))], name="ASDF")] if asdf else []
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    fits.HDUList([primary, science, *planes]).writeto(path, overwrite=True)
    return path


_SKY = {
    "CTYPE1": "RA---TAN", "CTYPE2": "DEC--TAN", "CUNIT1": "deg", "CUNIT2": "deg", "CRPIX1": 2.5, "CRPIX2": 2.5, "CRVAL1": 80.0,
    "CRVAL2": -69.5, "CDELT1": 1.751e-3, "CDELT2": 5e-3, "PC1_1": -1.0, "PC1_2": 0.0, "PC2_1": 0.0, "PC2_2": 1.0,
}  # fmt: skip
"""The world coordinates of four by four pixels that fill the region."""
_KEYWORDS: dict[str, object] = {
    "DATE": "2022-12-04T05:00:00.123", "PROGRAM": "02726", "PI_NAME": "Operations", "TITLE": "Routine wavefront sensing",
    "CATEGORY": "CAL", "TARGPROP": "STAR", "TARG_RA": 80.0, "TARG_DEC": -69.5, "INSTRUME": "NIRCAM", "DETECTOR": "NRCA3",
    "EXP_TYPE": "NRC_IMAGE", "VISITYPE": "PRIME_WFSC_SENSING_ONLY", "FILTER": "F212N", "PUPIL": "WLM8", "EXPSTART": 59917.1,
    "EXPEND": 59917.2, "EFFEXPTM": 30.0, "CAL_VER": "3.0.0", "CRDS_CTX": "jwst_0001.pmap", "SDP_VER": "2022_4",
}  # fmt: skip

"""What an astronomer does with astroquery.mast.MastMissions, in a process of its own; prints what came of it as JSON.

python mast_missions.py FOLDER TOKEN
"""

import contextlib
import json
import sys
import warnings
from pathlib import Path

from astroquery import log
from astroquery.exceptions import InvalidQueryError
from astroquery.mast import MastMissions

warnings.simplefilter("ignore")
log.setLevel("ERROR")
folder, token = Path(sys.argv[1]), sys.argv[2]
jwst = MastMissions(mission="jwst")


def names(table):
    return sorted(str(name) for name in table["fileSetName"])


def manifest(table):
    return {Path(str(row["Local Path"])).name: [row["Status"], str(row["Message"])] for row in table}


def refused(act):
    try:
        act()
    except InvalidQueryError as error:
        return str(error)
    return ""


near = jwst.query_region("80.0 -69.5", radius=1.2)
listed = jwst.get_product_list(["jw02726402001_03104_00001_nrca3", "jw01234001001_02101_00001_nrca3"])
cal = jwst.filter_products(listed, file_suffix="_cal", extension="fits")
told = {
    "columns": [str(name) for name in jwst.get_column_list()["name"]],
    "near": names(near), "near columns": near.colnames,
    "criteria": names(jwst.query_criteria(program=2726, instrume="NIRCAM")),
    "several": names(jwst.query_criteria(targprop=["STAR-1", "STAR-3"])),
    "not": names(jwst.query_criteria(program="2726", targprop="!STAR-1")),
    "wildcard": names(jwst.query_criteria(fileSetName="jw02726*_00003_*")),
    "range": names(jwst.query_criteria(expstart="59917..59918", targ_ra=">80.15")),
    "place and criteria": names(jwst.query_criteria(coordinates="80.1 -69.5", radius=1.2, instrume="NIRCAM")),
    "chosen": sorted(jwst.query_criteria(program=2726, select_cols=["targ_ra"]).colnames),
    "sorted": [str(x) for x in jwst.query_criteria(program=2726, sort_by="targ_ra", sort_desc=True)["fileSetName"]],
    "limited": len(jwst.query_criteria(program=2726, limit=2, offset=1)),
    "unknown column": refused(lambda: jwst.query_criteria(nonsense=1)),
    "bad value": refused(lambda: jwst.query_criteria(targ_ra="north")),
    "files": sorted(str(name) for name in listed["filename"]), "filtered": sorted(str(name) for name in cal["filename"]),
    "anonymous": manifest(jwst.download_products(cal, download_dir=str(folder / "anonymous"), verbose=False)),
}  # fmt: skip
if "count_only" in jwst.query_criteria_async.__doc__:
    told["only counted"] = jwst.query_criteria(program=2726, count_only=True)
    told["two places"] = names(jwst.query_region(["80.0 -69.5", "80.2 -69.5"], radius=1.2))
with contextlib.redirect_stdout(sys.stderr):
    jwst.login(token)
told["pi"] = manifest(jwst.download_products(cal, download_dir=str(folder / "pi"), verbose=False))
sys.stdout.write(json.dumps(told) + "\n")

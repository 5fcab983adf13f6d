"""What an astronomer does with astroquery.mast, in a process of its own; prints what came of it as JSON.

    python mast_observations.py FOLDER TOKEN

The server is named by the configuration file, as an astronomer would name it; nothing of astroquery is changed.
"""

import contextlib
import json
import sys
import warnings
from pathlib import Path

from astroquery import __version__, log
from astroquery.exceptions import InvalidQueryError, LoginError, RemoteServiceError
from astroquery.mast import Mast, Observations

warnings.simplefilter("ignore")
log.setLevel("ERROR")
folder, token = Path(sys.argv[1]), sys.argv[2]
if hasattr(Observations, "_ensure_cloud_access"):
    Observations.disable_cloud_dataset()  # its bucket is Amazon's: nothing may be asked outside


def names(table):
    return sorted(str(name) for name in table["obs_id"])


def manifest(table):
    return {Path(str(row["Local Path"])).name: [row["Status"], str(row["Message"])] for row in table}


def refused(kind, act):
    try:
        act()
    except kind as error:
        return str(error)
    return ""


def searches():
    obs = Observations
    near = obs.query_region("80.0 -69.5", radius="0.02 deg")
    found = obs.query_criteria(obs_collection="JWST", instrument_name="nircam", calib_level=[2], t_min=[59917, 59918])
    pages = obs.query_criteria(obs_collection="JWST", pagesize=2)
    one = obs.query_criteria(obs_collection="JWST", pagesize=2, page=2)
    return {
        "missions": list(obs.list_missions()),
        "near": names(near), "near columns": near.colnames, "near row": {k: str(near[0][k]) for k in near.colnames},
        "near count": int(obs.query_region_count("80.0 -69.5", radius="0.02 deg")),
        "criteria": names(found), "criteria count": int(obs.query_criteria_count(obs_collection="JWST", calib_level=[2])),
        "wildcard": names(obs.query_criteria(target_name="STAR-*", proposal_pi="Oper%")),
        "several": names(obs.query_criteria(target_name=["STAR-1", "STAR-3"])),
        "filter": names(obs.query_criteria(filters="WLM8", proposal_id="2726")),
        "program padded": names(obs.query_criteria(proposal_id="02726")),
        "range": names(obs.query_criteria(em_min=[2000, 2200], t_obs_release=[59917, 59918])),
        "nothing": len(obs.query_criteria(obs_collection="JWST", t_min=[1, 2])),
        "place and criteria": names(obs.query_criteria(coordinates="80.1 -69.5", radius="0.02 deg", instrument_name="NIRCAM")),
        "pages": names(pages), "second page": len(one),
        "public": names(obs.query_criteria(dataRights="PUBLIC")), "exclusive": names(obs.query_criteria(dataRights="EXCLUSIVE_ACCESS")),
        "metadata": [str(x) for x in obs.get_metadata("observations")["Column Name"]],
        "product metadata": [str(x) for x in obs.get_metadata("products")["Column Name"]],
        "unknown column": refused(InvalidQueryError, lambda: obs.query_criteria(nonsense="x")),
        "names": refused(RemoteServiceError, lambda: Mast.service_request("Mast.Name.Lookup", {"input": "M31"})),
        "bad service": refused(RemoteServiceError, lambda: Mast.service_request("Mast.Nonsense", {})),
    }  # fmt: skip


def products():
    found = Observations.query_criteria(obs_id=["jw02726402001_03104_00001_nrca3", "jw01234001001_02101_00001_nrca3"])
    listed = Observations.get_product_list(found)
    best = Observations.filter_products(listed, mrp_only=True, productSubGroupDescription="CAL", extension="fits")
    return listed, best, {
        "files": sorted(str(name) for name in listed["productFilename"]), "columns": listed.colnames,
        "by id": len(Observations.get_product_list(str(found[0]["obsid"]))), "filtered": names(best),
        "sizes": {str(row["productFilename"]): int(row["size"]) for row in listed},
    }  # fmt: skip


def downloads(listed, best):
    first = Observations.download_products(best, download_dir=str(folder / "anonymous"), verbose=False)
    wrong = refused(LoginError, lambda: Observations.login("mast_nonsense"))
    Observations.logout()
    with contextlib.redirect_stdout(sys.stderr):
        anonymous = Observations.session_info(verbose=False)
        Observations.login(token)
        somebody = Observations.session_info(verbose=False)
    then = Observations.download_products(best, download_dir=str(folder / "pi"), verbose=False)
    again = Observations.download_products(best, download_dir=str(folder / "pi"), verbose=False)
    script = Observations.download_products(listed, download_dir=str(folder), curl_flag=True, verbose=False)
    status, message, _ = Observations.download_file(
        "mast:JWST/product/nothing.fits", local_path=str(folder / "nothing.fits"), verbose=False
    )
    return {
        "anonymous": manifest(first), "wrong login": wrong, "nobody": anonymous, "somebody": somebody,
        "pi": manifest(then), "again": manifest(again), "script": [str(script["Local Path"][0]), script["Status"][0]],
        "nothing": [status, message],
    }  # fmt: skip


if __name__ == "__main__":
    told = {"version": __version__, **searches()}
    all_files, cal_files, told["products"] = products()
    told["downloads"] = downloads(all_files, cal_files)
    sys.stdout.write(json.dumps(told) + "\n")

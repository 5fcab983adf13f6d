#!/usr/bin/env bash
# Unpack Debian's own HTCondor under a folder of one's own, to run private pools from it: fetch_condor.sh SUITE PREFIX
#
# Nothing outside PREFIX changes: no package is installed, no maintainer script runs, no user is added. apt checks the
# signatures with the archive keys that this machine trusts. HTCondor's programs get the loader and the libraries of
# their own suite, so an older Debian can run them; the jobs they start run on the machine's own.
set -euo pipefail

if [ $# -ne 2 ]; then
  echo "usage: $0 SUITE PREFIX    (for example: $0 trixie .condor)" >&2
  exit 2
fi
suite=$1
prefix=$(realpath -m "$2")
stamp=$prefix/.complete
if [ -e "$stamp" ]; then
  echo "$prefix: $(cat "$stamp")"
  exit 0
fi
for program in apt-get dpkg-deb patchelf; do
  command -v "$program" >/dev/null || { echo "$0 needs $program; on Debian: apt-get install $program" >&2; exit 1; }
done

# apt knows the archive that this machine uses, whichever way its sources are written down.
mirror=$(apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' | grep -m1 -E '/debian/?$' || true)
keyring=/usr/share/keyrings/debian-archive-keyring.gpg
[ -n "$mirror" ] || { echo "apt has no Debian archive on this machine" >&2; exit 1; }
[ -e "$keyring" ] || { echo "$keyring is missing; on Debian: apt-get install debian-archive-keyring" >&2; exit 1; }

work=$prefix.part
rm -rf "$work"
mkdir -p "$work"/{debs,root} "$work"/apt/{lists/partial,cache/archives/partial,parts}
trap 'rm -rf "$work"' EXIT

echo "deb [signed-by=$keyring] $mirror $suite main" >"$work/apt/sources.list"
: >"$work/apt/status" # an empty machine: every library is fetched, none is taken from here
private_apt() {
  apt-get -q \
    -o Dir::Etc::sourcelist="$work/apt/sources.list" -o Dir::Etc::sourceparts="$work/apt/parts" \
    -o Dir::Etc::preferences=/dev/null -o Dir::Etc::preferencesparts="$work/apt/parts" \
    -o Dir::State::lists="$work/apt/lists" -o Dir::State::status="$work/apt/status" \
    -o Dir::Cache="$work/apt/cache" -o APT::Sandbox::User="$(id -un)" -o APT::Install-Recommends=false \
    -o Acquire::Languages=none -o Acquire::Retries=5 \
    -o Acquire::IndexTargets::deb::Contents-deb::DefaultEnabled=false "$@"
}

# Libraries that only other packages of the closure need (perl, python, the init system) stay away.
unneeded='^lib(python|perl|js|pam|systemd-shared|boost|db5|apt|debconf|text|date-manip|cryptsetup|devmapper|json-c|ncurses|readline|jq|onig|argon)'
private_apt update >/dev/null
mapfile -t packages < <(
  private_apt -s install condor | awk '/^Inst / {print $2}' | grep -E '^(condor|lib.*|zlib1g)$' | grep -vE "$unneeded"
)
(cd "$work/debs" && private_apt download "${packages[@]}" >/dev/null)
for deb in "$work"/debs/*.deb; do dpkg-deb -x "$deb" "$work/root"; done

root=$work/root
libraries=$(dirname "$(find "$root/usr/lib" -name libc.so.6 -print -quit)")
loader=$(find "$libraries" -name 'ld-linux-*.so.*' -print -quit)
there() { echo "$prefix${1#"$root"}"; } # where a file will stand in the end
is_elf() { [ "$(head -c4 "$1" | od -An -tx1 | tr -d ' \n')" = 7f454c46 ]; }

# An old-style RPATH wins over LD_LIBRARY_PATH, reaches the libraries' own libraries, and is not handed on to jobs.
search=$(there "$libraries"):$prefix/usr/lib:$prefix/usr/lib/condor
patched=0
while IFS= read -r path; do
  file=$root/$path
  if ! is_elf "$file" || ! patchelf --print-rpath "$file" >/dev/null 2>&1; then continue; fi
  if patchelf --print-interpreter "$file" >/dev/null 2>&1; then
    patchelf --set-interpreter "$(there "$loader")" "$file"
  fi
  patchelf --force-rpath --set-rpath "$search" "$file"
  patched=$((patched + 1))
done < <(
  dpkg-deb -c "$work"/debs/condor_*.deb | awk '$1 ~ /^-/ {print substr($6, 3)}' |
    grep -E '^usr/(bin|sbin|lib|libexec)/' | grep -v /python3/
)
rm -rf "$root"/usr/share/{doc,man,locale,lintian,bash-completion} "$root/usr/lib/python3"
(cd "$work/debs" && sha256sum -- *.deb) >"$root/debs.sha256"
rm -rf "$prefix"
mv "$root" "$prefix"

# Not one library may be missing, or be taken from the machine.
ld=$prefix${loader#"$root"}
for program in bin/condor_version bin/condor_dagman bin/condor_submit sbin/condor_master sbin/condor_schedd \
  sbin/condor_startd sbin/condor_starter libexec/condor/condor_shared_port; do
  [ -e "$prefix/usr/$program" ] || continue
  if stray=$("$ld" --list "$prefix/usr/$program" | grep '=>' | grep -v "=> $prefix/"); then
    echo "$program would not run on its own libraries:" >&2
    echo "$stray" >&2
    exit 1
  fi
done
CONDOR_CONFIG=/dev/null "$prefix/usr/bin/condor_version" | head -1 >"$stamp"
echo "$prefix: $(cat "$stamp") ($patched programs, $(du -sh "$prefix" | cut -f1))"

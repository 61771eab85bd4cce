#!/usr/bin/python3
"""deploy/pki: what it makes and for how long, what it refuses, and that a refusal changes nothing."""
import os
import re
import shutil
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
from broker_rig import PKI, pki  # noqa: E402

DONE, NOT_FIT, USAGE, REFUSED, FAILED = range(5)


def openssl(*argv):
    return subprocess.run(["openssl", *map(str, argv)], capture_output=True, text=True, check=True).stdout


def text_of(certificate):
    return openssl("x509", "-in", certificate, "-noout", "-text")


def content(folder):
    """Every file and what is in it; what a refusal must leave alone."""
    return {path.relative_to(folder): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def expect(status, folder, *argv, says="", at=None):
    done = pki(folder, *argv, check=False, at=at)
    assert done.returncode == status and says in done.stderr, (argv, done.returncode, done.stderr)
    return done


def an_authority_and_its_names(top):
    here = top / "pki"
    expect(DONE, here, "init", "main-site", says="until")
    pki(here, "broker", "broker", "10.0.0.5", "fd00::5", "broker.example.org")
    pki(here, "gateway")
    pki(here, "gateway", "gateway-north")
    pki(here, "exercise")
    pki(here, "user", "anna.berg")
    kinds = {"broker": ("broker", "TLS Web Server Authentication", 731), "gateway": ("gateway", "TLS Web Client Authentication", 731),
             "gateway-north": ("gateway", "TLS Web Client Authentication", 731),
             "exercise": ("exercise", "TLS Web Client Authentication", 731), "anna.berg": ("user", "TLS Web Client Authentication", 366)}
    for name, (kind, usage, days) in kinds.items():
        folder = here / "hand-out" / name
        text = text_of(folder / "certificate.pem")
        assert f"Subject: O = main-site, OU = {kind}, CN = {name}\n" in text, text
        assert f"X509v3 Extended Key Usage: \n                {usage}\n" in text, text
        assert "CA:FALSE" in text and "NIST CURVE: P-256" in text and "ecdsa-with-SHA256" in text
        for ends, status in ((days - 1, 0), (days + 1, 1)):
            assert subprocess.run(["openssl", "x509", "-in", folder / "certificate.pem", "-noout", "-checkend", str(ends * 86400)],
                                  capture_output=True).returncode == status, (name, ends)
        assert (folder / "key.pem").stat().st_mode & 0o777 == 0o600
        expect(DONE, here, "verify", folder, says=f"{name}, good until")
    names = text_of(here / "hand-out" / "broker" / "certificate.pem")
    assert "IP Address:10.0.0.5, IP Address:FD00:0:0:0:0:0:0:5, DNS:broker.example.org" in names, names
    authority = text_of(here / "ca.pem")
    assert "CA:TRUE, pathlen:0" in authority and "Certificate Sign, CRL Sign" in authority
    assert here.stat().st_mode & 0o777 == 0o700
    for path in here.rglob("*"):
        allowed = 0o644 if path.suffix == ".pem" and "issued" not in path.parts and path.name != "key.pem" else 0o700
        assert path.stat().st_mode & 0o777 & ~allowed == 0, path
    assert not list(here.glob(".work*")), "nothing is left behind"
    assert pki(here, "list").stdout.count(" good ") == 5
    print("an authority, a broker, two gateways, an exercise, a user: names, uses, dates and modes as promised")
    return here


def what_is_there_is_never_overwritten(here):
    before = content(here)
    for argv in (("init", "main-site"), ("init", "other"), ("broker", "broker", "10.0.0.6"), ("gateway",), ("user", "anna.berg"),
                 ("exercise",), ("broker", "anna.berg", "10.0.0.6"), ("retire-authority",), ("rotate", "nobody"), ("revoke", "nobody"),
                 ("revoke", "nobody", "--earlier"), ("revoke", "berg")):
        expect(REFUSED, here, *argv)
    assert content(here) == before
    other = here.parent / "full"
    other.mkdir()
    (other / "diary").write_text("mine")
    expect(REFUSED, other, "init", "x", says="not empty")
    assert content(other) == {Path("diary"): b"mine"}
    expect(REFUSED, here.parent / "none", "user", "anna", says="no authority")
    assert not (here.parent / "none").exists()


def what_is_no_name_is_refused(here):
    before = content(here)
    for name in ("", "Anna", "anna berg", "anna/berg", "+", "#", "a#", "a+b", "../x", ".", "-x", "a" * 64, "ä", "a\nb", "a,CN=b", "$(id)",
                 "gateway", "gateway-south", "gatewayx", "exercise", "exercise-1"):
        expect(USAGE, here, "user", name)
    for argv in (("gateway", "anna"), ("exercise", "anna"), ("gateway", "gateway-"), ("broker", "b"), ("broker", "b", "10.0.0.5,DNS:x"),
                 ("broker", "b", "*.example.org"), ("broker", "b", "a b"), ("user",), ("user", "a", "b"), ("user", "a", "10.0.0.1"),
                 ("rotate",), ("rotate", "anna.berg", "10.0.0.1"), ("revoke",), ("revoke", "anna.berg", "--all"), ("list", "--within"),
                 ("list", "--within", "0"), ("list", "--within", "x"), ("verify",), ("init",), ("init", "a", "b"), ("rotate-authority", "x"),
                 ("nonsense",), (), ("--days", "0", "user", "b"), ("--days", "-1", "user", "b"), ("--days", "1e3", "user", "b"),
                 ("--nonsense",)):
        expect(USAGE, here, *argv)
    expect(FAILED, here, "broker", "b", "999.1.1.1")
    expect(REFUSED, here, "--days", "5000", "user", "b", says="more than the authority has left")
    assert not (here / "hand-out" / "b").exists() and content(here) == before
    print("names that are none, wrong usage, what is there already: refused, nothing changed")


def help_says_what_there_is():
    text = subprocess.run([PKI, "--help"], capture_output=True, text=True, check=True).stdout
    for word in ("init", "broker", "gateway", "exercise", "user", "list", "rotate", "revoke", "rotate-authority", "retire-authority",
                 "verify", "-d DIR", "--days", "Exit status"):
        assert word in text, word
    assert "set -" not in text and text.startswith("The certificates of a site"), text


def rotation_and_revocation(here):
    folder = here / "hand-out" / "anna.berg"
    first = {name: (folder / name).read_bytes() for name in ("certificate.pem", "key.pem")}
    expect(DONE, here, "rotate", "anna.berg", says="stays good")
    assert all((folder / name).read_bytes() != was for name, was in first.items()), "a new key, too"
    kept = here.parent / "kept.pem"
    kept.write_bytes(first["certificate.pem"])

    def is_good(path):
        return subprocess.run(["openssl", "verify", "-CAfile", here / "ca.pem", "-crl_check", "-CRLfile", here / "crl.pem", path],
                              capture_output=True).returncode == 0

    assert is_good(kept) and is_good(folder / "certificate.pem")
    expect(DONE, here, "revoke", "anna.berg", "--earlier", says="1 revoked")
    assert not is_good(kept) and is_good(folder / "certificate.pem")
    assert (here / "hand-out" / "broker" / "crl.pem").read_bytes() == (here / "crl.pem").read_bytes()
    expect(DONE, here, "revoke", "anna.berg", says="1 revoked")
    assert not is_good(folder / "certificate.pem")
    (here / "crl.pem").unlink()
    expect(DONE, here, "revoke", "anna.berg", says="0 revoked")
    assert not is_good(folder / "certificate.pem"), "the list is made anew"
    expect(DONE, here, "rotate", "anna.berg")
    assert is_good(folder / "certificate.pem"), "a person can come back"
    # A name is not mistaken for one that ends like it.
    pki(here, "user", "berg")
    pki(here, "revoke", "berg")
    assert is_good(folder / "certificate.pem")
    # The list lasts as long as the authority: one that has run out would shut everybody out.
    assert "nextUpdate=" + openssl("x509", "-in", here / "ca.pem", "-noout", "-enddate").split("=", 1)[1] == openssl(
        "crl", "-in", here / "crl.pem", "-noout", "-nextupdate")
    pki(here, "rotate", "broker", "10.0.0.9")
    names = text_of(here / "hand-out" / "broker" / "certificate.pem")
    assert "IP Address:10.0.0.9" in names and "10.0.0.5" not in names
    pki(here, "rotate", "broker")
    assert "IP Address:10.0.0.9" in text_of(here / "hand-out" / "broker" / "certificate.pem"), "addresses are remembered"
    print("rotation leaves the earlier certificate good until it is revoked; a revoked one is on the list at once")


def dates_are_watched(here):
    assert expect(DONE, here, "list", "--within", "30").stdout == ""
    done = expect(NOT_FIT, here, "list", "--within", "500")
    assert "anna.berg" in done.stdout and "broker" not in done.stdout, done.stdout
    expect(DONE, here, "verify", here / "hand-out" / "gateway", "--within", "700")
    expect(NOT_FIT, here, "verify", here / "hand-out" / "gateway", "--within", "800", says="ends within 800 days")
    expect(NOT_FIT, here, "verify", here / "hand-out" / "gateway", says="certificate has expired", at="800 days")
    later = pki(here, "list", check=False, at="800 days").stdout
    assert " good " not in later and " expired " in later, later


def what_is_not_fit_is_found(here):
    folder = here.parent / "installed"
    shutil.copytree(here / "hand-out" / "broker", folder)
    expect(DONE, here, "verify", folder)
    faults = [("key.pem", (here / "hand-out" / "gateway" / "key.pem").read_bytes(), "not the key of"),
              ("key.pem", b"junk", "no key"), ("certificate.pem", b"junk", "no certificate"), ("ca.pem", b"junk", "certificate.pem:"),
              ("crl.pem", b"junk", "certificate.pem:"), ("crl.pem", b"", "certificate.pem:")]
    for name, bytes_, says in faults:
        was = (folder / name).read_bytes()
        (folder / name).write_bytes(bytes_)
        expect(NOT_FIT, here, "verify", folder, says=says)
        (folder / name).write_bytes(was)
    for mode, status in ((0o644, NOT_FIT), (0o660, NOT_FIT), (0o640, DONE), (0o600, DONE)):
        (folder / "key.pem").chmod(mode)
        expect(status, here, "verify", folder)
    (folder / "key.pem").unlink()
    expect(NOT_FIT, here, "verify", folder, says="key.pem: cannot be read")
    expect(NOT_FIT, here, "verify", here.parent / "nowhere")
    # It needs neither the authority nor a place to write.
    expect(DONE, here.parent / "none", "verify", here / "hand-out" / "gateway")
    revoked = here.parent / "revoked"
    shutil.copytree(here / "hand-out" / "gateway-north", revoked)
    pki(here, "revoke", "gateway-north")
    shutil.copy(here / "crl.pem", revoked)
    expect(NOT_FIT, here, "verify", revoked, says="certificate revoked")
    print(f"{len(faults) + 6} ways not to be fit for use: each found and named")


def authorities_follow_each_other(here):
    everybody = sorted(path.name for path in (here / "hand-out").iterdir() if path.name not in ("berg", "gateway-north"))
    expect(DONE, here, "rotate-authority")
    expect(REFUSED, here, "rotate-authority", says="two authorities")
    expect(REFUSED, here, "retire-authority", says="still of the earlier authority")
    for name in everybody:
        assert (here / "hand-out" / name / "ca.pem").read_text().count("BEGIN") == 2
        expect(DONE, here, "verify", here / "hand-out" / name)
    assert (here / "hand-out" / "broker" / "crl.pem").read_text().count("BEGIN") == 2
    pki(here, "user", "new")
    before = (here / "hand-out" / "anna.berg" / "certificate.pem").read_bytes()
    for name in everybody:
        expect(DONE, here, "rotate", name)
        expect(DONE, here, "verify", here / "hand-out" / name)
    (here.parent / "old.pem").write_bytes(before)
    # Revoked by the authority that made it, while the other one signs.
    expect(DONE, here, "revoke", "anna.berg", "--earlier")
    assert "revoked" in subprocess.run(["openssl", "verify", "-CAfile", here / "ca.pem", "-crl_check", "-CRLfile", here / "crl.pem",
                                        here.parent / "old.pem"], capture_output=True, text=True).stderr
    expect(DONE, here, "retire-authority")
    for name in [*everybody, "new"]:
        assert (here / "hand-out" / name / "ca.pem").read_text().count("BEGIN") == 1
        expect(DONE, here, "verify", here / "hand-out" / name)
    expect(REFUSED, here, "retire-authority", says="only one")
    expect(DONE, here, "rotate-authority")
    print(f"a second authority: {len(everybody)} names fit for use before, during and after")


def many_at_once(top):
    here = top / "busy, with a space"
    pki(here, "init", "busy")
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda n: pki(here, "user", f"u{n}"), range(16)))
    serials = {openssl("x509", "-in", here / "hand-out" / f"u{n}" / "certificate.pem", "-noout", "-serial") for n in range(16)}
    assert len(serials) == 16 and len(re.findall(r" good ", pki(here, "list").stdout)) == 16


def folders_that_openssl_would_misread(top):
    for name in ("a$b", 'a"b', "a#b", "a\\b", "a'b"):
        expect(USAGE, top / name, "init", "x")
        assert not (top / name).exists()


def a_disk_that_takes_nothing(top):
    if os.geteuid() != 0:
        return
    full = top / "disk"
    full.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=400k", "tmpfs", full], capture_output=True)
    if not os.path.ismount(full):
        return
    try:
        here = full / "pki"
        done = pki(here, "init", "x", check=False)
        made = 0
        while done.returncode == 0 and made < 50:
            done = pki(here, "user", f"u{made}", check=False)
            made += done.returncode == 0
        assert done.returncode not in (0, USAGE) and done.stderr, done
        for n in range(made):
            assert pki(top, "verify", here / "hand-out" / f"u{n}", check=False).returncode == 0, "what was made before is whole"
        print(f"a full disk: refused after {made} users, which are whole")
    finally:
        subprocess.run(["umount", full], check=True)


def main():
    top = Path(tempfile.mkdtemp(prefix="watchroom-pki-"))
    try:
        help_says_what_there_is()
        here = an_authority_and_its_names(top)
        what_is_there_is_never_overwritten(here)
        what_is_no_name_is_refused(here)
        rotation_and_revocation(here)
        dates_are_watched(here)
        what_is_not_fit_is_found(here)
        authorities_follow_each_other(here)
        many_at_once(top)
        folders_that_openssl_would_misread(top)
        a_disk_that_takes_nothing(top)
    finally:
        shutil.rmtree(top, ignore_errors=True)


if __name__ == "__main__":
    main()

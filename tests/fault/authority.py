# SPDX-License-Identifier: Apache-2.0
"""Certificate authorities made by the openssl command, for the fault suite."""

import dataclasses
import pathlib
import shutil
import ssl
import subprocess

EXTENSIONS = """
[ca]
basicConstraints = critical, CA:TRUE
keyUsage = critical, keyCertSign, cRLSign
subjectKeyIdentifier = hash
[leaf]
basicConstraints = critical, CA:FALSE
keyUsage = critical, digitalSignature
extendedKeyUsage = serverAuth
subjectAltName = {names}
"""


def openssl(folder, *arguments):
    program = shutil.which("openssl")
    assert program, "the openssl command is needed to make certificates"
    done = subprocess.run([program, *map(str, arguments)], cwd=folder, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr


@dataclasses.dataclass
class Certificate:
    key: pathlib.Path
    file: pathlib.Path

    def context(self, **more):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.file, self.key)
        for name, value in more.items():
            setattr(context, name, value)
        return context


class Authority:
    """A certificate authority in a folder."""

    def __init__(self, folder, name):
        self.folder, self.name, self.count = folder, name, 0
        self.key, self.file = folder / f"{name}.key", folder / f"{name}.pem"
        openssl(folder, "ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", self.key)
        config = self._config("DNS:unused")
        openssl(folder, "req", "-x509", "-new", "-key", self.key, "-subj", f"/CN={name}", "-days", "30", "-config", config, "-extensions", "ca",
                "-out", self.file)

    def _config(self, names):
        self.count += 1
        path = self.folder / f"{self.name}{self.count}.cnf"
        path.write_text("[req]\ndistinguished_name = dn\n[dn]\n" + EXTENSIONS.format(names=names))
        return path

    def sign(self, name, names="DNS:localhost,IP:127.0.0.1", dates=None):
        """dates: (not before, not after) as YYYYMMDDHHMMSSZ."""
        key, request, file = (self.folder / f"{self.name}-{name}.{kind}" for kind in ("key", "csr", "pem"))
        config = self._config(names)
        openssl(self.folder, "ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", key)
        openssl(self.folder, "req", "-new", "-key", key, "-subj", f"/CN={name}", "-config", config, "-out", request)
        database = self.folder / f"{self.name}-{name}.db"
        database.mkdir()
        (database / "index.txt").touch()
        (database / "serial").write_text(f"{4096 + self.count:X}")
        settings = self.folder / f"{self.name}-{name}.ca.cnf"
        settings.write_text(f"[ca]\ndefault_ca = own\n[own]\ndatabase = {database}/index.txt\nserial = {database}/serial\n"
                            f"new_certs_dir = {database}\ndefault_md = sha256\npolicy = any\n[any]\ncommonName = supplied\n")
        period = ["-startdate", dates[0], "-enddate", dates[1]] if dates else ["-days", "20"]
        openssl(self.folder, "ca", "-batch", "-notext", "-config", settings, "-cert", self.file, "-keyfile", self.key, "-in", request,
                "-extfile", config, "-extensions", "leaf", "-out", file, *period)
        return Certificate(key, file)

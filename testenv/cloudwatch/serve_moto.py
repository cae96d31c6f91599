"""Serves moto's AWS on a loopback port, prints its URL, and ends when its standard input does."""

import sys

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, utils
from moto.kms.utils import ECDSAPrivateKey
from moto.server import ThreadedMotoServer


def sign_digest(self, message, signing_algorithm):
    """KMS signs a digest when MessageType is DIGEST, which moto takes for a message. We send nothing else."""
    return self.private_key.sign(message, ec.ECDSA(utils.Prehashed(hashes.SHA256())))


ECDSAPrivateKey.sign = sign_digest
server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
server.start()
host, port = server.get_host_and_port()
print(f"http://{host}:{port}", flush=True)
sys.stdin.read()
server.stop()

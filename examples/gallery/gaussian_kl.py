"""The divergence of a Gaussian from the standard one, as in a variational autoencoder"""

import numpy as np


def forward(mu, logvar):
    # shapes: mu (n, d) · logvar (n, d)
    var = np.exp(logvar)
    kl = -0.5 * np.sum(1 + logvar - mu ** 2 - var)
    return kl

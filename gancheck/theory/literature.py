"""Whose result is it? The papers and books that the shelf cites, once each.

Author, year, title and an identifier that finds it. A theorem's number stands in `where`, and only
where it was checked. A paper with an arXiv identifier has the title it bears there.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

__all__ = ["Source"]


@dataclass(frozen=True, slots=True)
class Source:
    """A publication.

    Attributes:
        authors: family names.
        year: of publication.
        title: in full.
        identifier: arXiv, DOI or ISBN.
        where: section or number inside it; empty for the whole.
    """

    authors: str
    year: int
    title: str
    identifier: str
    where: str = ""

    def at(self, where: str) -> Source:
        """The same publication, at a section or number."""
        return replace(self, where=where)

    def __str__(self) -> str:
        tail = f", {self.where}" if self.where else ""
        return f"{self.authors} ({self.year}), {self.title}, {self.identifier}{tail}"


ARJOVSKY_BOTTOU_2017 = Source(
    "Arjovsky, Bottou",
    2017,
    "Towards principled methods for training generative adversarial networks",
    "arXiv:1701.04862",
)
ARJOVSKY_2017 = Source("Arjovsky, Chintala, Bottou", 2017, "Wasserstein GAN", "arXiv:1701.07875")
ARORA_2017 = Source(
    "Arora, Ge, Liang, Ma, Zhang",
    2017,
    "Generalization and equilibrium in generative adversarial nets",
    "arXiv:1703.00573",
)
ARORA_ZHANG_2017 = Source(
    "Arora, Zhang",
    2017,
    "Do GANs actually learn the distribution? An empirical study",
    "arXiv:1706.08224",
)
BALDUZZI_2018 = Source(
    "Balduzzi, Racaniere, Martens, Foerster, Tuyls, Graepel",
    2018,
    "The mechanics of n-player differentiable games",
    "arXiv:1802.05642",
)
BERARD_2020 = Source(
    "Berard, Gidel, Almahairi, Vincent, Lacoste-Julien",
    2020,
    "A closer look at the optimization landscapes of generative adversarial networks",
    "arXiv:1906.04848",
)
BORELL_1975 = Source(
    "Borell", 1975, "The Brunn-Minkowski inequality in Gauss space", "doi:10.1007/BF01425510"
)
DASKALAKIS_2018 = Source(
    "Daskalakis, Ilyas, Syrgkanis, Zeng", 2018, "Training GANs with optimism", "arXiv:1711.00141"
)
ENDRES_SCHINDELIN_2003 = Source(
    "Endres, Schindelin",
    2003,
    "A new metric for probability distributions",
    "doi:10.1109/TIT.2003.813506",
)
FARNIA_OZDAGLAR_2020 = Source(
    "Farnia, Ozdaglar",
    2020,
    "GANs may have no Nash equilibria",
    "arXiv:2002.09124",
)
FEDERER_1969 = Source("Federer", 1969, "Geometric measure theory", "doi:10.1007/978-3-642-62010-2")
FUGLEDE_TOPSOE_2004 = Source(
    "Fuglede, Topsoe",
    2004,
    "Jensen-Shannon divergence and Hilbert space embedding",
    "doi:10.1109/ISIT.2004.1365067",
)
GIDEL_2019 = Source(
    "Gidel, Berard, Vignoud, Vincent, Lacoste-Julien",
    2019,
    "A variational inequality perspective on generative adversarial networks",
    "arXiv:1802.10551",
)
GOODFELLOW_2014 = Source(
    "Goodfellow, Pouget-Abadie, Mirza, Xu, Warde-Farley, Ozair, Courville, Bengio",
    2014,
    "Generative adversarial nets",
    "arXiv:1406.2661",
)
GULRAJANI_2017 = Source(
    "Gulrajani, Ahmed, Arjovsky, Dumoulin, Courville",
    2017,
    "Improved training of Wasserstein GANs",
    "arXiv:1704.00028",
)
HEUSEL_2017 = Source(
    "Heusel, Ramsauer, Unterthiner, Nessler, Hochreiter",
    2017,
    "GANs trained by a two time-scale update rule converge to a local Nash equilibrium",
    "arXiv:1706.08500",
)
ISSENHUTH_2023 = Source(
    "Issenhuth, Tanielian, Mary, Picard",
    2023,
    "Unveiling the latent space geometry of push-forward generative models",
    "arXiv:2207.10541",
)
KANTOROVICH_1942 = Source(
    "Kantorovich",
    1942,
    "On the translocation of masses",
    "doi:10.1007/s10958-006-0049-2",
)
LETCHER_2019 = Source(
    "Letcher, Balduzzi, Racaniere, Martens, Foerster, Tuyls, Graepel",
    2019,
    "Differentiable game mechanics",
    "arXiv:1905.04926",
)
LIM_YE_2017 = Source("Lim, Ye", 2017, "Geometric GAN", "arXiv:1705.02894")
LIN_1991 = Source(
    "Lin", 1991, "Divergence measures based on the Shannon entropy", "doi:10.1109/18.61115"
)
MAO_2017 = Source(
    "Mao, Li, Xie, Lau, Wang, Smolley",
    2017,
    "Least squares generative adversarial networks",
    "arXiv:1611.04076",
)
MESCHEDER_2017 = Source(
    "Mescheder, Nowozin, Geiger", 2017, "The numerics of GANs", "arXiv:1705.10461"
)
MESCHEDER_2018 = Source(
    "Mescheder, Geiger, Nowozin",
    2018,
    "Which training methods for GANs do actually converge?",
    "arXiv:1801.04406",
)
MIYATO_2018 = Source(
    "Miyato, Kataoka, Koyama, Yoshida",
    2018,
    "Spectral normalization for generative adversarial networks",
    "arXiv:1802.05957",
)
MUELLER_1997 = Source(
    "Mueller",
    1997,
    "Integral probability metrics and their generating classes of functions",
    "doi:10.2307/1428011",
)
MUNKRES_2000 = Source("Munkres", 2000, "Topology", "ISBN 978-0-13-181629-9")
NAGARAJAN_KOLTER_2017 = Source(
    "Nagarajan, Kolter",
    2017,
    "Gradient descent GAN optimization is locally stable",
    "arXiv:1706.04156",
)
NOWOZIN_2016 = Source(
    "Nowozin, Cseke, Tomioka",
    2016,
    "f-GAN: training generative neural samplers using variational divergence minimization",
    "arXiv:1606.00709",
)
PETZKA_2018 = Source(
    "Petzka, Fischer, Lukovnicov",
    2018,
    "On the regularization of Wasserstein GANs",
    "arXiv:1709.08894",
)
SALIMANS_2016 = Source(
    "Salimans, Goodfellow, Zaremba, Cheung, Radford, Chen",
    2016,
    "Improved techniques for training GANs",
    "arXiv:1606.03498",
)
SHANNON_2020 = Source(
    "Shannon", 2020, "Properties of f-divergences and f-GAN training", "arXiv:2009.00757"
)
SION_1958 = Source("Sion", 1958, "On general minimax theorems", "doi:10.2140/pjm.1958.8.171")
SRIPERUMBUDUR_2009 = Source(
    "Sriperumbudur, Fukumizu, Gretton, Schoelkopf, Lanckriet",
    2009,
    "On integral probability metrics, phi-divergences and binary classification",
    "arXiv:0901.2698",
)
TANIELIAN_2020 = Source(
    "Tanielian, Issenhuth, Dohmatob, Mary",
    2020,
    "Learning disconnected manifolds: a no GAN's land",
    "arXiv:2006.04596",
)
TOPSOE_2000 = Source(
    "Topsoe",
    2000,
    "Some inequalities for information divergence and related measures of discrimination",
    "doi:10.1109/18.850703",
)
TSYBAKOV_2009 = Source(
    "Tsybakov", 2009, "Introduction to nonparametric estimation", "doi:10.1007/b13794"
)
VILLANI_2009 = Source(
    "Villani", 2009, "Optimal transport: old and new", "doi:10.1007/978-3-540-71050-9"
)

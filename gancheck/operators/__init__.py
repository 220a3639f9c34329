"""Matrices of a game that are never formed: Hessians and the game Jacobian, by products.

`Hessian(game, player, batch)` and `GameJacobian(game, batch)` are snapshots: they hold their own
parameters and one stored first-order graph for each loss.
"""

from gancheck.operators.game_jacobian import GameJacobian
from gancheck.operators.hessian import Hessian
from gancheck.operators.linear_operator import LinearOperator, OperatorError

__all__ = ["GameJacobian", "Hessian", "LinearOperator", "OperatorError"]

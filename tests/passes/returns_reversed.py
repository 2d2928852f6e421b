# idioms: unary minus; zeros; for over iterable; indexed store; power; len; np.mean; reversed range
# sizes: T=4 n=2 | T=1 n=3 | T=6 n=2
import numpy as np


# shapes: rewards (T,) · values (T,) · logp (T,) · gamma () · lam ()
def forward(rewards, values, logp, gamma, lam):
    T = len(rewards)
    returns = np.zeros(T)
    R = 0.0
    advantages = np.zeros(T)
    last = 0.0
    for t in reversed(range(T)):
        R = rewards[t] + gamma * R
        returns[t] = R
        last = rewards[t] - values[t] + gamma * lam * last
        advantages[t] = last
    return -np.mean(logp * advantages) + 0.5 * np.mean((returns - values) ** 2)

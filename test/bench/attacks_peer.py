"""The attacks of torchattacks on the demo's network.

python attacks_peer.py FILE.npz THREADS EPSILON STEPS RESTARTS QUERIES: FILE has x [n, 1, 28, 28], y and the weights. Reads the name of
an attack a line, runs it on all rows, prints its seconds and how many rows stand.
"""
import sys, time

import numpy as np
import torch
import torch.nn as nn
import torchattacks

path, threads = sys.argv[1], int(sys.argv[2])
eps, (steps, restarts, queries) = float(sys.argv[3]), map(int, sys.argv[4:7])
torch.manual_seed(0)
torch.set_num_threads(threads)
torch.set_flush_denormal(True)
data = np.load(path)
model = nn.Sequential(
    nn.Conv2d(1, 16, 4, 2, 1), nn.ReLU(), nn.Conv2d(16, 32, 4, 2, 1), nn.ReLU(),
    nn.Flatten(), nn.Linear(1568, 100), nn.ReLU(), nn.Linear(100, 10)).eval()
names = ('conv1', 'conv3', 'fc6', 'fc8')
with torch.no_grad():
    for name, layer in zip(names, [layer for layer in model if hasattr(layer, 'weight')]):
        layer.weight.copy_(torch.from_numpy(data[name + '.weight']))
        layer.bias.copy_(torch.from_numpy(data[name + '.bias']))
model = model.to(memory_format=torch.channels_last)
for parameter in model.parameters():
    parameter.requires_grad_(False)  # attacks need none of theirs
x = torch.from_numpy(data['x']).to(memory_format=torch.channels_last)
y = torch.from_numpy(data['y']).long()

one = lambda: torchattacks.PGD(model, eps=eps, alpha=2.5 * eps / steps, steps=steps)
attacks = {
    'fgsm': lambda: torchattacks.FGSM(model, eps=eps),
    'pgd': lambda: torchattacks.MultiAttack([one() for _ in range(restarts)]),  # goes on with the rows that still stand
    'apgd-ce': lambda: torchattacks.APGD(model, eps=eps, steps=steps, n_restarts=1, loss='ce'),
    'apgd-dlr': lambda: torchattacks.APGDT(model, eps=eps, steps=steps, n_restarts=1, n_classes=10),
    'square': lambda: torchattacks.Square(model, eps=eps, n_queries=queries),
}
print('ready', flush=True)
for line in sys.stdin:
    began = time.perf_counter()
    attacked = attacks[line.strip()]()(x, y)
    with torch.no_grad():
        standing = int((model(attacked).argmax(1) == y).sum())
    print(time.perf_counter() - began, standing, flush=True)

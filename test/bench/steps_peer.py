"""Adversarial training steps of PyTorch, by hand in its better memory layout, and of ART.

python steps_peer.py torch|art stride|pool|resnet THREADS wall|cpu: reads a number of steps a line, does them, prints milliseconds a step.
Network, batch, attack and optimizer are those of steps.ts.
"""
import logging, os, sys, time, warnings

os.environ['TQDM_DISABLE'] = '1'
warnings.filterwarnings('ignore')
logging.disable(logging.CRITICAL)
import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F

BATCH, STEPS = 64, 3
peer, network, threads, clock_name = sys.argv[1:5]
clock = time.process_time if clock_name == 'cpu' else time.perf_counter
torch.manual_seed(0)
torch.set_num_threads(int(threads))
torch.set_flush_denormal(True)


class Block(nn.Module):
    def __init__(self, c, o, stride):
        super().__init__()
        self.a, self.an = nn.Conv2d(c, o, 3, stride, 1), nn.BatchNorm2d(o)
        self.b, self.bn = nn.Conv2d(o, o, 3, 1, 1), nn.BatchNorm2d(o)
        self.s = nn.Conv2d(c, o, 1, stride) if c != o else None

    def forward(self, x):
        y = self.bn(self.b(F.relu(self.an(self.a(x)), inplace=True)))
        return F.relu(y + (x if self.s is None else self.s(x)))


def resnet():
    layers, c = [nn.Conv2d(3, 64, 3, 1, 1), nn.BatchNorm2d(64), nn.ReLU()], 64
    for stage in range(4):
        for block in range(2):
            o = 64 << stage
            layers.append(Block(c, o, 2 if stage and not block else 1))
            c = o
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(512, 10))


networks = {
    'stride': lambda: nn.Sequential(
        nn.Conv2d(1, 16, 4, 2, 1), nn.ReLU(), nn.Conv2d(16, 32, 4, 2, 1), nn.ReLU(),
        nn.Flatten(), nn.Linear(1568, 100), nn.ReLU(), nn.Linear(100, 10)),
    'pool': lambda: nn.Sequential(
        nn.Conv2d(1, 32, 5, 1, 2), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(32, 64, 5, 1, 2), nn.ReLU(), nn.MaxPool2d(2),
        nn.Flatten(), nn.Linear(3136, 256), nn.ReLU(), nn.Linear(256, 10)),
    'resnet': resnet,
}
large = network == 'resnet'
shape = (3, 32, 32) if large else (1, 28, 28)
eps, alpha = (8 / 255, 4 / 255) if large else (0.3, 0.15)
model = networks[network]()
optimizer = torch.optim.SGD(model.parameters(), 1e-3, momentum=0.9) if large else torch.optim.Adam(model.parameters(), 1e-4)


def by_hand():
    model.to(memory_format=torch.channels_last).eval()  # normalisation keeps its statistics, as on our side
    x = torch.rand(BATCH, *shape).to(memory_format=torch.channels_last)
    y = torch.randint(0, 10, (BATCH,))

    def step():
        attacked = (x + eps * (2 * torch.rand_like(x) - 1)).clamp_(0, 1)
        for _ in range(STEPS):
            attacked.requires_grad_(True)
            (slope,) = torch.autograd.grad(F.cross_entropy(model(attacked), y, reduction='sum'), attacked)
            moved = attacked.detach() + alpha * slope.sign()
            attacked = torch.min(torch.max(moved, x - eps), x + eps).clamp_(0, 1)
        optimizer.zero_grad(set_to_none=True)
        loss = F.cross_entropy(model(attacked), y)
        loss.backward()
        optimizer.step()
        return loss.item()

    return lambda n: [step() for _ in range(n)]


def with_art():
    from art.defences.trainer import AdversarialTrainerMadryPGD
    from art.estimators.classification import PyTorchClassifier

    classifier = PyTorchClassifier(
        model=model, loss=nn.CrossEntropyLoss(), optimizer=optimizer, input_shape=shape, nb_classes=10,
        clip_values=(0, 1), device_type='cpu')
    trainer = AdversarialTrainerMadryPGD(
        classifier, nb_epochs=1, batch_size=BATCH, eps=eps, eps_step=alpha, max_iter=STEPS, num_random_init=1)
    x = np.random.rand(BATCH, *shape).astype(np.float32)
    y = np.eye(10, dtype=np.float32)[np.random.randint(0, 10, BATCH)]
    return lambda n: trainer.fit(np.concatenate([x] * n), np.concatenate([y] * n), nb_epochs=1, batch_size=BATCH)


run = by_hand() if peer == 'torch' else with_art()
answers, sys.stdout = sys.stdout, open(os.devnull, 'w')  # ART prints its progress
run(1)
print('ready', file=answers, flush=True)
for line in sys.stdin:
    n = int(line)
    began = clock()
    run(n)
    print((clock() - began) * 1e3 / n, file=answers, flush=True)

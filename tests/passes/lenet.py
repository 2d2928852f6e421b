# idioms: state on self; relu; flatten / ravel; nn.Module; convolution; pooling
# sizes: d=2 h=9 c=8 n=2 k=3 p=2 t=3 | d=1 h=8 c=9 n=3 k=2 p=3 t=2 | d=3 h=8 c=8 n=2 k=2 p=4 t=2
import torch
import torch.nn as nn
import torch.nn.functional as F


class LeNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(1, 6, 3)
        self.conv2 = nn.Conv2d(6, 16, 2, padding=1)
        self.fc1 = nn.Linear(16 * 2 * 2, 120)
        self.fc2 = nn.Linear(120, 10)

    def forward(self, x):
        x = F.max_pool2d(F.relu(self.conv1(x)), (2, 2))
        x = F.max_pool2d(F.relu(self.conv2(x)), 2)
        x = torch.flatten(x, 1)
        x = F.relu(self.fc1(x))
        return self.fc2(x)

"""PyTorch: a map-style data set, `af.torch.dataset(data, recipe, seed=0)`, for a DataLoader with workers, and a module,
`af.torch.Augment(recipe, seed=0)`, that augments on the device of the model.

`loader.to_torch()` needs no DataLoader. Importing this module imports PyTorch; importing augfuse does not.
"""

from augfuse.frameworks import adapter

adapter("torch", "augfuse.torch")  # a missing PyTorch names its extra

from augfuse.adapters.torch import DetectionCollate as DetectionCollate  # noqa: E402
from augfuse.adapters.torch import TorchBatches as TorchBatches  # noqa: E402
from augfuse.adapters.torch import TorchDataset as TorchDataset  # noqa: E402
from augfuse.adapters.torch import dataset as dataset  # noqa: E402
from augfuse.adapters.torch_augment import Augment as Augment  # noqa: E402

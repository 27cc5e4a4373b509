/** tfjs-node 4.22 was made for libtensorflow 2.9; its C interface is stable, and no older one is on PyPI as a library. */
export const VERSION = '2.13.1';

const LINUX = 'manylinux2014_x86_64';
const tensorflow = (project, sha256) => ({
  project,
  wheel: `${project.replace('-', '_')}-${VERSION}-cp310-cp310-manylinux_2_17_x86_64.${LINUX}.whl`,
  sha256,
});
const nvidia = (name, version, sha256, system = LINUX) => ({
  project: `nvidia-${name.replace('_', '-')}-cu11`,
  wheel: `nvidia_${name}_cu11-${version}-py3-none-${system}.whl`,
  sha256,
});

/** What to download: the wheel that holds libtensorflow, and the libraries that its GPU build loads (CUDA 11.8, cuDNN 8.6). */
export const WHEELS = {
  cpu: [tensorflow('tensorflow-cpu', 'bfedeee206ccf8130d14d8990dbe991946324df92458ee1bdbeed1c21497beb3')],
  gpu: [
    tensorflow('tensorflow', '2cd54d7cf979de0e407db182eea27dbed37361af5c329c2dbf71c486be3e432b'),
    nvidia('cuda_runtime', '11.8.89', '92d04069a987e1fbc9213f8376d265df0f7bb42617d44f5eda1f496acea7f2d1'),
    nvidia('cublas', '11.11.3.6', '60252822adea5d0b10cd990a7dc7bedf7435f30ae40083c7a624a85a43225abc'),
    nvidia(
      'cudnn',
      '8.6.0.163',
      'add207b5fb149cfa02919b8f413364ff4ed348a202f6ae3d7922ae5303fa38a3',
      'manylinux1_x86_64',
    ),
    nvidia('cufft', '10.9.0.58', 'e21037259995243cc370dd63c430d77ae9280bedb68d5b5a18226bfc92e5d748'),
    nvidia('curand', '10.3.0.86', 'cd4cffbf78bb06580206b4814d5dc696d1161c902aae37b2bba00056832379e6'),
    nvidia('cusolver', '11.4.1.48', 'ea9fb1ad8c644ca9ed55af13cc39af3b7ba4c3eb5aef18471fe1fe77d94383cb'),
    nvidia('cusparse', '11.7.5.86', '8d7cf1628fd8d462b5d2ba6678fae34733a48ecb80495b9c68672ec6a6dde5ef'),
  ],
};

/** Where a member of a wheel belongs in `deps`; undefined where it is not needed. libtensorflow looks for libraries beside itself. */
export function placeOf(member) {
  const [, library] =
    /^(?:tensorflow\/(libtensorflow_(?:cc|framework)\.so\.2)|nvidia\/\w+\/lib\/(.+\.so\.[\d.]+))$/
      .exec(member)
      ?.filter(Boolean) ?? [];
  if (library !== undefined) return `lib/${library}`;
  const [, header] =
    /^tensorflow\/(include\/tensorflow\/(?:c|tsl\/c|(?:core|tsl)\/platform\/ctstring).*)$/.exec(member) ?? [];
  return header;
}

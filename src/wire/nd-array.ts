/** Arrays of more than one dimension, or of a type that no typed array has. */

/** The typed arrays that an {@link NdArray} can have as its memory. */
export type NumericArray =
  | Int8Array
  | Uint8Array
  | Uint8ClampedArray
  | Int16Array
  | Uint16Array
  | Int32Array
  | Uint32Array
  | BigInt64Array
  | BigUint64Array
  | Float32Array
  | Float64Array

type NumericArrayClass = new (buffer: ArrayBufferLike, byteOffset?: number, length?: number) => NumericArray

/** The element types of an {@link NdArray}, by numpy's names. `bool` has one byte; complex ones are pairs of floats. */
export type NdArrayType = keyof typeof ARRAY_TYPES

interface ArrayType {
  readonly array: NumericArrayClass
  /** How many elements of `array` make one of the ndarray. */
  readonly width: 1 | 2
}

/** How each element type lies in memory. Not public, but the public {@link NdArrayType} is made of it. */
export const ARRAY_TYPES = {
  bool: { array: Uint8Array, width: 1 },
  int8: { array: Int8Array, width: 1 },
  uint8: { array: Uint8Array, width: 1 },
  int16: { array: Int16Array, width: 1 },
  uint16: { array: Uint16Array, width: 1 },
  int32: { array: Int32Array, width: 1 },
  uint32: { array: Uint32Array, width: 1 },
  int64: { array: BigInt64Array, width: 1 },
  uint64: { array: BigUint64Array, width: 1 },
  float32: { array: Float32Array, width: 1 },
  float64: { array: Float64Array, width: 1 },
  complex64: { array: Float32Array, width: 2 },
  complex128: { array: Float64Array, width: 2 },
} as const satisfies Record<string, ArrayType>

/** An n-dimensional array in C order: `numpy.ndarray` in Python. */
export class NdArray {
  readonly data: NumericArray
  readonly shape: readonly number[]
  readonly dtype: NdArrayType

  /** @param shape defaults to one dimension; `dtype` to that of `data`. */
  constructor(data: NumericArray, shape?: readonly number[], dtype: NdArrayType = typeOf(data)) {
    const type: ArrayType | undefined = ARRAY_TYPES[dtype]
    if (type === undefined) throw new TypeError(`unknown dtype ${String(dtype)}`)
    const clamped = data instanceof Uint8ClampedArray && type.array === Uint8Array
    if (!(data instanceof type.array) && !clamped) {
      throw new TypeError(`data of dtype ${dtype} must be a ${type.array.name}`)
    }
    this.data = data
    this.shape = Object.freeze(shape === undefined ? [data.length / type.width] : [...shape])
    this.dtype = dtype
    let size: number = type.width
    for (const n of this.shape) {
      if (!Number.isSafeInteger(n) || n < 0) throw new RangeError(`${n} is not a length`)
      size *= n
    }
    if (size !== data.length) {
      throw new RangeError(
        `shape [${this.shape}] of ${dtype} needs ${size} elements, data has ${data.length}`,
      )
    }
  }
}

function typeOf(data: NumericArray): NdArrayType {
  for (const [name, { array, width }] of Object.entries(ARRAY_TYPES)) {
    if (name !== 'bool' && width === 1 && data instanceof array) return name as NdArrayType
  }
  if (data instanceof Uint8ClampedArray) return 'uint8'
  throw new TypeError('data must be a typed array')
}

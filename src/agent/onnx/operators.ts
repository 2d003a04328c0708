/** Operators that a model may use without the operator's leave: tensor functions that end, draw no randomness and touch no file. */

/** Default domain, `ai.onnx`. Left out on purpose: Loop, Scan, If, SequenceMap (unbounded work), random and image-decoding operators. */
const TENSOR_OPERATORS = `
  Abs Acos Acosh Add AffineGrid And ArgMax ArgMin Asin Asinh Atan Atanh Attention AveragePool BatchNormalization BitShift BitwiseAnd
  BitwiseNot BitwiseOr BitwiseXor Cast CastLike Ceil Celu Clip Compress Concat Constant ConstantOfShape Conv ConvInteger ConvTranspose
  Cos Cosh CumSum DequantizeLinear Det Div Dropout DynamicQuantizeLinear Einsum Elu Equal Erf Exp Expand EyeLike Flatten Floor GRU
  Gather GatherElements GatherND Gelu Gemm GlobalAveragePool GlobalLpPool GlobalMaxPool Greater GreaterOrEqual GroupNormalization
  HardSigmoid HardSwish Hardmax Identity InstanceNormalization IsInf IsNaN LRN LSTM LayerNormalization LeakyRelu Less LessOrEqual Log
  LogSoftmax LpNormalization LpPool MatMul MatMulInteger Max MaxPool Mean MeanVarianceNormalization Min Mish Mod Mul Neg NonZero Not
  OneHot Or PRelu Pad Pow QLinearConv QLinearMatMul QuantizeLinear RMSNormalization RNN Range Reciprocal ReduceL1 ReduceL2 ReduceLogSum
  ReduceLogSumExp ReduceMax ReduceMean ReduceMin ReduceProd ReduceSum ReduceSumSquare Relu Reshape Resize RotaryEmbedding Round
  ScatterElements ScatterND Selu Shape Shrink Sigmoid Sign Sin Sinh Size Slice Softmax Softplus Softsign Split Sqrt Squeeze
  StringNormalizer Sub Sum Swish Tan Tanh TensorScatter TfIdfVectorizer ThresholdedRelu Tile TopK Transpose Trilu Unique Unsqueeze
  Where Xor`;

/** Domain `ai.onnx.ml`: everything but CastMap, whose input is a map. ZipMap is taken out before a model is run. */
const ML_OPERATORS = `
  ArrayFeatureExtractor Binarizer CategoryMapper DictVectorizer FeatureVectorizer Imputer LabelEncoder LinearClassifier LinearRegressor
  Normalizer OneHotEncoder SVMClassifier SVMRegressor Scaler TreeEnsemble TreeEnsembleClassifier TreeEnsembleRegressor ZipMap`;

const words = (text: string): string[] => text.trim().split(/\s+/);
const ALLOWED = new Set([...words(TENSOR_OPERATORS), ...words(ML_OPERATORS).map((name) => `ai.onnx.ml.${name}`)]);

/** `Add`, `ai.onnx.ml.ZipMap`, `com.example.Thing`: how operators are named in messages and in the operator's allowance. */
export function operatorName(domain: string, opType: string): string {
  return domain === '' || domain === 'ai.onnx' ? opType : `${domain}.${opType}`;
}

/** True if the operator is on the list, or the person who runs the node allowed it by name. */
export function isAllowed(name: string, extra: readonly string[]): boolean {
  return ALLOWED.has(name) || extra.includes(name);
}

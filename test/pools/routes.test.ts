import { describe, expect, it } from 'vitest'
import { Routes } from '../../src/pools/routes.ts'

describe('routes', () => {
  it('lead to the default pool when nothing is registered', () => {
    expect(new Routes().lookup('numpy.linalg', 'norm')).toBe('default')
  })

  it('of a module cover its submodules, and no module whose name only begins alike', () => {
    const routes = new Routes()
    routes.register('io', 'requests')
    expect(routes.lookup('requests', 'get')).toBe('io')
    expect(routes.lookup('requests.adapters.http', 'send')).toBe('io')
    expect(routes.lookup('requests2', 'get')).toBe('default')
  })

  it('of a function beat those of its module, and those of a submodule beat those of its package', () => {
    const routes = new Routes()
    routes.register('io', 'db')
    routes.register('gpu', ['db', 'train'])
    routes.register('cpu', 'db.index')
    expect(routes.lookup('db', 'query')).toBe('io')
    expect(routes.lookup('db', 'train')).toBe('gpu')
    expect(routes.lookup('db.index', 'train')).toBe('cpu')
    expect(routes.lookup('db.other', 'train')).toBe('io')
  })

  it('that are registered again are replaced, and what is taken out leaves the rest', () => {
    const routes = new Routes()
    routes.register('io', 'db')
    routes.register('cpu', 'db')
    routes.register('gpu', ['db', 'train'])
    expect(routes.list()).toEqual([
      { module: 'db', pool: 'cpu' },
      { module: 'db', fn: 'train', pool: 'gpu' },
    ])
    expect(routes.unregister('db')).toBe(true)
    expect(routes.unregister('db')).toBe(false)
    expect(routes.lookup('db', 'query')).toBe('default')
    expect(routes.lookup('db', 'train')).toBe('gpu')
    routes.unregisterPool('gpu')
    expect(routes.list()).toEqual([])
  })
})
